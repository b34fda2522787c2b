import { defineSkill, defineTask, defineTimer, z, type Webhook } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const knock: Webhook = {
  verify: () => ({ bearer: [{ file: 'token' }] }),
  sources: () => ['default'],
  run: async (calls) => {
    for (const { context, request } of calls) await context.say('lobby', `knock ${(request.body as { n: number }).n}`);
  },
};

/** The numbers of started tasks. */
let runs: number[] = [];
const probe = defineSkill({
  name: 'probe',
  commands: {
    'ping {n:int}': { help: 'answers', run: ({ args }) => `pong ${args.n}` },
    'later {n:int}': {
      help: 'sets a timer',
      run: ({ args, now, at }) => at(`later:${args.n}`, new Date(now.getTime() + 60_000), 'due', { n: args.n }),
    },
    'work {n:int}': {
      help: 'starts a task',
      run: async ({ args, task }) => void (await task('double', { n: args.n })),
    },
  },
  webhooks: { knock },
  crons: { look: { schedule: () => '* * * * *', run: () => {} } },
  timers: {
    due: defineTimer({
      payload: z.object({ n: z.number() }),
      run: (context, { payload }) => context.say('lobby', `due ${payload.n}`),
    }),
  },
  tasks: {
    double: defineTask({
      payload: z.object({ n: z.number() }),
      result: z.number(),
      idempotent: true,
      run: async ({ payload }) => {
        runs.push(payload.n);
        return payload.n * 2;
      },
      done: (context, outcome) => context.say('lobby', `result ${outcome.ok ? outcome.result : outcome.reason}`),
    }),
  },
});

const SETUP = { skills: [probe], secrets: { token: 'secret' } };
const NUMBERS = Array.from({ length: 20 }, (_, index) => index);

let one: TestBot;
let other: TestBot;
beforeEach(async () => {
  one = await startTestBot(SETUP);
  other = await startTestBot({ ...SETUP, sharedWith: one });
});
afterEach(async () => {
  await other.stop();
  await one.stop();
});

const isActive = (bot: TestBot): boolean => bot.app.parts()['memory']?.detail !== 'active on another replica';
const sorted = (texts: readonly string[]): string[] => [...texts].sort();
const expected = (word: string, of = NUMBERS): string[] => sorted(of.map((n) => `${word} ${n}`));

function hear(text: string): void {
  one.platform.happen({
    type: 'message',
    id: `${text} ${Math.random()}`,
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: one.app.clock.now(),
    text: `!${text}`,
    mentionsBot: false,
  });
}

test('a connector is active on one of two replicas, and each command is answered once', async () => {
  await until(() => [one, other].filter(isActive).length === 1);
  for (const n of NUMBERS) hear(`ping ${n}`);
  await one.settle();
  expect(one.texts()).toEqual(NUMBERS.map((n) => `pong ${n}`));
});

test('each timer fires once, whichever replica set it', async () => {
  for (const n of NUMBERS) hear(`later ${n}`);
  await one.settle();
  await Promise.all([one.advance(61_000), other.advance(61_000)]);
  expect(sorted(one.texts())).toEqual(expected('due'));
});

test('each task runs once', async () => {
  runs = [];
  for (const n of NUMBERS) hear(`work ${n}`);
  await one.settle();
  expect(runs.toSorted((a, b) => a - b)).toEqual(NUMBERS);
  expect(sorted(one.texts())).toEqual(
    expected(
      'result',
      NUMBERS.map((n) => n * 2),
    ),
  );
});

test('webhooks to either replica are shown once, even if its connector is not active there', async () => {
  const answers = await Promise.all(NUMBERS.map((n) => (n % 2 === 0 ? one : other).webhook('knock', { n }, 'secret')));
  expect(answers.map((answer) => answer.status)).toEqual(NUMBERS.map(() => 200));
  await one.settle();
  expect(sorted(one.texts())).toEqual(expected('knock'));
});

test('when the active replica stops, the other takes over within a few seconds, and nothing is lost or duplicated', async () => {
  const [first, second] = isActive(one) ? [one, other] : [other, one];
  for (const n of NUMBERS.slice(0, 10)) hear(`ping ${n}`);
  const leaving = first.leave();
  for (const n of NUMBERS.slice(10)) hear(`ping ${n}`);
  await leaving;
  // Handed over, not left to expire.
  const kept = `select 1 from leases where name = 'connector:memory' and epoch = 1 and expires_at > clock_timestamp()`;
  expect(await second.query(kept)).toEqual([]);
  await second.settle();
  expect(isActive(second)).toBe(true);
  expect(second.texts()).toEqual(NUMBERS.map((n) => `pong ${n}`));
  expect(await second.say('ping 99')).toEqual(['pong 99']);
});

test('when a replica stops, the other handles the events that it accepted', async () => {
  const [first, second] = isActive(one) ? [one, other] : [other, one];
  hear('later 1');
  await one.settle();
  await Promise.all([first.app.dispatcher.stop(), second.app.dispatcher.stop()]);
  const answer = await fetch(`http://127.0.0.1:${first.app.port}/webhooks/knock`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret' },
    body: '{"n":7}',
  });
  expect(answer.status).toBe(200);
  await first.leave();
  second.app.dispatcher.start();
  await second.advance(61_000);
  expect(sorted(second.texts())).toEqual(['due 1', 'knock 7']);
});

test('crons and housekeeping move at once to the replica with the newer configuration', async () => {
  const holds = async ({ app }: TestBot): Promise<string[]> =>
    (await app.metrics.leaseHeld.get()).values
      .filter(({ labels, value }) => value === 1 && ['cron', 'housekeeping'].includes(String(labels.lease)))
      .map(({ labels }) => String(labels.lease));
  await until(async () => [...(await holds(one)), ...(await holds(other))].length === 2);
  for (const newer of [one, other, one]) {
    const generation = Math.max(one.app.registry.generation, other.app.registry.generation) + 1;
    await newer.app.reload(newer.app.config, generation);
    await until(async () => (await holds(newer)).length === 2);
    expect(await holds(newer === one ? other : one)).toEqual([]);
  }
  one.pass(61_000);
  await until(async () => (await one.query(`select 1 from events where kind = 'cron' and state = 'done'`)).length > 0);
});
