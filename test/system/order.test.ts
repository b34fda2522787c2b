import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { RateLimited, Unreachable } from '../../src/connectors/connector.ts';
import { defineSkill, z, type Message } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const soon = (now: Date, ms: number): Date => new Date(now.getTime() + ms);
const probe = defineSkill({
  name: 'probe',
  options: z.object({}),
  histograms: { lengths: { help: 'lengths', buckets: [1, 2] } },
  commands: {
    root: { help: 'posts', run: ({ post, room }) => post(room, 'root', 'root') },
    pair: {
      help: 'posts two messages, the first of them in a thread',
      run: async ({ say, room }) => {
        await say(room, 'first', { inThreadOf: 'root' });
        await say(room, 'second');
      },
    },
    hello: { help: 'answers', run: () => 'hello' },
    nothing: {
      help: 'returns an invalid message',
      run: async ({ state, say, room }) => {
        await state.set('done', 1);
        await say(room, undefined as unknown as Message);
      },
    },
    never: {
      help: 'sets a timer for an invalid time',
      run: async ({ state, at }) => {
        await state.set('done', 1);
        await at('never', new Date('never'), 'ring', {});
      },
    },
  },
  timers: { ring: { payload: z.unknown(), run: () => {} } },
  webhooks: {
    probe: {
      verify: () => undefined,
      sources: () => [],
      run: async (calls) => {
        for (const { context, request } of calls) {
          const { n } = request.body as { n: number };
          await context.state.set(`seen ${n}`, 1);
          if (n === 7) await context.observe('lengths', Number.NaN);
        }
      },
    },
  },
});

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({ skills: [probe] });
  // From now on the room is known to have no unconfirmed requests.
  await bot.say('hello');
});
afterEach(() => bot.stop());

const now = (): Date => bot.app.clock.now();
const insert = (room: string, text: string, more: Record<string, unknown> = {}): Promise<unknown> => {
  const row: Record<string, unknown> = {
    ...{ id: randomUUID(), connector: 'memory', room, skill: 'probe', queue: 1, content: JSON.stringify({ text }) },
    ...more,
  };
  const names = Object.keys(row);
  return bot.query(
    `insert into messages (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  );
};
const states = async (room: string): Promise<string[]> =>
  (await bot.query<{ state: string }>(`select state from messages where room = $1 order by position`, [room])).map(
    ({ state }) => state,
  );

test('the messages of one handler are shown in order, whether or not they can be sent together', async () => {
  await bot.say('root');
  for (let round = 0; round < 5; round++) expect(await bot.say('pair')).toEqual(['first', 'second']);
});

test.each(['nothing', 'never'])('the command %s fails completely and visibly', async (command) => {
  const [answer] = await bot.say(command);
  expect(answer).toContain('something failed');
  expect(await bot.query(`select 1 from skill_state where key = 'done'`)).toEqual([]);
  const errors = await bot.query<{ message: string }>('select message from errors');
  expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/not undefined|valid Date/)]);
});

test('a failing handler does not affect others, and its lane continues', async () => {
  const event = (n: number) => ({
    ...{ source: 'webhook', sourceId: randomUUID(), kind: 'webhook' as const, skill: 'probe', name: 'probe' },
    lane: `lane ${n % 4}`,
    payload: JSON.stringify({ source: 'x', body: { n } }),
    happenedAt: new Date(),
  });
  await bot.app.acceptor.accept(Array.from({ length: 40 }, (_, n) => event(n)));
  await bot.settle();
  const [count] = await bot.query<{ done: number; failed: number }>(
    `select count(*) filter (where state = 'done')::int as done, count(*) filter (where state = 'failed')::int as failed from events where kind = 'webhook'`,
  );
  expect(count).toEqual({ done: 39, failed: 1 });
});

test('of two scheduled messages the earlier one is sent first, whichever was scheduled first', async () => {
  const at = now();
  await bot.query(
    `insert into messages (id, connector, room, skill, queue, content, not_before) values
       (gen_random_uuid(), 'memory', 'r', 'probe', 1, '{"text":"later"}', $1), (gen_random_uuid(), 'memory', 'r', 'probe', 1, '{"text":"earlier"}', $2)`,
    [soon(at, 1900), soon(at, 1600)],
  );
  await until(() => bot.texts('r').length === 2);
  expect(bot.texts('r')).toEqual(['earlier', 'later']);
});

/** An attempt with an unrecorded request, decided at some time. */
const attempt = (text: string, at = now()): string =>
  JSON.stringify({
    ...{ version: 1, ring: 0, next: 0, actions: '[]', at: at.toISOString() },
    steps: [{ type: 'send', copy: 0, ring: 0, part: { body: { message: { text } }, bytes: 9 }, hash: text }],
  });

test('a repeat after the platform has forgotten its key is marked as a possible repeat', async () => {
  const hour = 3_600_000;
  bot.platform.capabilities = { ...bot.platform.capabilities, keyWindowMs: 24 * hour };
  await insert('young', 'young', { attempt: attempt('young', soon(now(), -23 * hour)) });
  await insert('old', 'old', { attempt: attempt('old', soon(now(), -25 * hour)) });
  await until(() => bot.texts('young').length === 1 && bot.texts('old').length === 1);
  expect([...bot.texts('young'), ...bot.texts('old')]).toEqual(['young', 'old\n_(may be a repeat)_']);
  await until(async () => (await bot.query('select 1 from messages where pending')).length === 0);
});

test('nothing is sent between two requests that a dead replica made and did not record', async () => {
  const order: string[] = [];
  let answer = (): void => {};
  const perform = bot.platform.perform.bind(bot.platform);
  bot.platform.perform = (operation) => {
    if (operation.room !== 'u' || operation.type !== 'send') return perform(operation);
    order.push(JSON.stringify(operation.part.body));
    if (order.length > 1) return perform(operation);
    return new Promise((resolve) => (answer = () => resolve(perform(operation))));
  };
  const id = [randomUUID(), randomUUID()];
  await bot.query(
    `insert into messages (id, connector, room, skill, queue, content, attempt)
     values ($1, 'memory', 'u', 'probe', 1, '{"text":"first"}', $2), ($3, 'memory', 'u', 'probe', 1, '{"text":"second"}', $4)`,
    [id[0], attempt('first'), id[1], attempt('second')],
  );
  await until(() => order.length === 1);
  await insert('u', 'reply', { queue: 0 });
  answer();
  await until(() => order.length === 3);
  expect(order.map((body) => /first|second|reply/.exec(body)?.[0])).toEqual(['first', 'second', 'reply']);
});

test('the sweep finds an event even among many that wait for a newer program', async () => {
  await bot.query(
    `insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)
     select 'emit', gen_random_uuid()::text, 'gone:' || n, 'emit', 'gone', 'x', 'null', now() from generate_series(1, 1000) n`,
  );
  await bot.query(
    `insert into events (source, source_id, lane, kind, skill, name, payload, happened_at)
     values ('webhook', $1, 'probe:1', 'webhook', 'probe', 'probe', '{"source":"x","body":{"n":1}}', now())`,
    [randomUUID()],
  );
  await until(async () => (await bot.query(`select 1 from skill_state where key = 'seen 1'`)).length === 1);
  await bot.query(`delete from events where skill = 'gone'`);
});

test('a message that expired while the platform was unreachable is not shown', async () => {
  let away = true;
  bot.platform.before = ({ room }) => {
    if (away && room === 'r') throw new Unreachable('away');
  };
  const last = soon(now(), 1000);
  await insert('r', 'worthless', { until: last });
  await until(() => now() > last);
  away = false;
  await until(async () => (await states('r')).includes('dropped'));
  expect(bot.texts('r')).toEqual([]);
});

test('a message that expires behind slow requests is not shown', async () => {
  const last = soon(now(), 3000);
  const shownAt: Date[] = [];
  bot.platform.before = ({ room }) => {
    if (room !== 'r') return;
    shownAt.push(now());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  };
  await bot.query(
    `insert into messages (id, connector, room, skill, queue, content, until) select gen_random_uuid(), 'memory', 'r', 'probe', 1, '{"text":"x"}', $1 from generate_series(1, 8) n`,
    [last],
  );
  await until(async () => {
    const dropped = (await states('r')).filter((state) => state === 'dropped').length;
    return dropped + bot.texts('r').length === 8;
  });
  expect(shownAt.filter((at) => at > last)).toEqual([]);
  expect(shownAt.length).toBeGreaterThan(0);
});

test('a message that is being changed does not delay other rooms', async () => {
  const held = randomUUID();
  bot.platform.before = ({ room }) => {
    if (room === 'held') throw new RateLimited(`room:${room}`, 300);
  };
  await insert('held', 'held', { id: held });
  const client = new pg.Client({ connectionString: bot.databaseUrl });
  await client.connect();
  await client.query('begin');
  await client.query('select 1 from messages where id = $1 for update', [held]);
  await bot.query(
    `insert into messages (id, connector, room, skill, queue, content) select gen_random_uuid(), 'memory', 'r' || n, 'probe', 1, '{"text":"x"}' from generate_series(1, 20) n`,
  );
  await until(() => Array.from({ length: 20 }, (_, n) => bot.texts(`r${n + 1}`)).every((texts) => texts.length === 1));
  await client.query('rollback');
  await client.end();
});
