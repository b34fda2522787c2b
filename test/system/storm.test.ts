import { join } from 'node:path';
import alerts from '../../skills/alerts/index.ts';
import { samplePayload } from '../../skills/alerts/sample.ts';
import { RateLimited, Rejected } from '../../src/connectors/connector.ts';
import { startTestBot, textOf, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

let bot: TestBot;
let refusing: 'room' | 'account' | undefined;
let refusals = 0;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [alerts],
    migrations: { alerts: join(import.meta.dirname, '../../skills/alerts/migrations') },
    options: { alerts: { sources: { default: { tokens: [{ file: 'token' }] } }, route: { rooms: ['lobby'] } } },
    secrets: { token: 'secret' },
  });
  bot.platform.before = ({ room }) => {
    if (refusing) {
      refusals++;
      throw new RateLimited(refusing === 'room' ? `room:${room}` : refusing, 200);
    }
  };
});
afterEach(async () => {
  refusing = undefined;
  await bot.stop();
});

const PODS = Array.from({ length: 60 }, (_, index) => `pod-${String(index).padStart(3, '0')}`);

async function post(pods: readonly string[], status: 'firing' | 'resolved' = 'firing'): Promise<void> {
  const payloads = pods.map((pod) =>
    samplePayload({ name: `Down-${pod}`, status, severity: 'warning', labels: { pod } }),
  );
  const body = { ...payloads[0], alerts: payloads.flatMap((payload) => payload['alerts'] as unknown[]) };
  const response = await fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

const handled = () => until(async () => (await bot.query(`select 1 from events where state = 'new'`)).length === 0);

/** How often each alert's name appears in the room. */
const mentionCounts = (): number[] => {
  const all = bot.texts().join('\n').replaceAll('\\', '');
  return PODS.map((pod) => all.split(`Down-${pod}`).length - 1);
};

test.each(['account', 'room'] as const)(
  'alerts during a rate limit of the %s are all listed in a digest, none twice, after the reply to a person',
  async (scope) => {
    refusing = scope;
    await post(PODS.slice(0, 30));
    await handled();
    await post(PODS.slice(30));
    bot.platform.happen({
      type: 'message',
      id: 'asked',
      room: 'lobby',
      direct: false,
      sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
      at: bot.app.clock.now(),
      text: '!version',
      mentionsBot: false,
    });
    await until(async () => (await bot.query(`select 1 from messages where reply_to = 'asked'`)).length > 0);
    await handled();
    // The delivery worker has looked more than once since, and has seen all messages.
    const seen = refusals;
    await until(() => refusals > seen + 2);
    refusing = undefined;
    await bot.settle();
    expect(mentionCounts()).toEqual(PODS.map(() => 1));
    expect(bot.texts()[0]).toBe('watchbell 0.0.0-test');
    expect(bot.texts().filter((text) => text.includes('combined: this room'))).not.toEqual([]);
    expect(bot.messages().length).toBeLessThan(10);
  },
);

test('a change after a digest was sent edits the digest', async () => {
  refusing = 'account';
  await post(PODS);
  await until(async () => (await bot.query('select 1 from messages where digest')).length > 0);
  refusing = undefined;
  await bot.settle();
  const before = bot.messages().length;
  await post(PODS.slice(0, 1), 'resolved');
  await bot.settle();
  expect(bot.texts().join('\n')).toMatch(/RESOLVED.*Down.*pod.*000/);
  expect(bot.messages()).toHaveLength(before);
  expect(mentionCounts()).toEqual(PODS.map(() => 1));
});

test('a digest that is rejected for good goes to the failover room', async () => {
  await using front = await startTestBot({
    skills: [],
    config: {
      rooms: {
        lobby: { in: { memory: 'lobby' } },
        front: { in: { memory: 'front' }, failover: 'back' },
        back: { in: { memory: 'back' } },
      },
    },
  });
  let asked = 0;
  front.platform.before = (operation) => {
    if (operation.room !== 'front') return;
    throw asked++ === 0 ? new RateLimited('room:front', 200) : new Rejected('not in the room');
  };
  await front.query(
    `insert into messages (id, connector, room, skill, key, queue, content, line)
     select gen_random_uuid(), 'memory', 'front', 'core', 'k' || n, 0, '{"text":"x"}', 'alert number ' || n from generate_series(1, 8) n`,
  );
  await until(() => front.texts('back').length > 0);
  const [carried] = front.texts('back');
  for (let n = 1; n <= 8; n++) expect(carried).toContain(`alert number ${n}`);
  // Each of them, and nothing else, can be replayed.
  expect(await front.query(`select 1 from messages where state = 'dead' and not digest`)).toHaveLength(8);
  expect(await front.query(`select 1 from messages where state = 'dead' and digest`)).toEqual([]);
});

test('without a rate limit a storm is shown as separate messages', async () => {
  await post(PODS);
  await bot.settle();
  expect(mentionCounts()).toEqual(PODS.map(() => 1));
  expect(bot.messages()).toHaveLength(60);
  expect(bot.messages().some((one) => textOf(one.message).includes('combined: this room'))).toBe(false);
});

test('a page is sent before the digest', async () => {
  refusing = 'account';
  await post(PODS);
  await until(async () => (await bot.query('select 1 from messages where digest')).length > 0);
  const critical = samplePayload({ name: 'Burning', severity: 'critical' });
  const response = await fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret' },
    body: JSON.stringify(critical),
  });
  expect(response.status).toBe(200);
  await handled();
  refusing = undefined;
  await bot.settle();
  expect(bot.texts()[0]).toContain('Burning');
});
