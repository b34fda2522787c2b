import type { Config } from '../../src/config/schema.ts';
import { CommandError, defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const bell = defineSkill({
  name: 'bell',
  options: z.object({ sources: z.array(z.string()).default(['prod']) }),
  commands: {
    'ring {n:int}': {
      help: 'rings',
      run: () => {
        throw new CommandError('no');
      },
    },
  },
  webhooks: {
    bell: {
      verify: () => ({ bearer: [{ file: 'token' }] }),
      sources: ({ sources }) => sources,
      run: async (calls) => {
        for (const { context, request } of calls) {
          if ((request.body as { fail?: boolean }).fail) throw new Error('on purpose');
          await context.say('lobby', 'rung');
        }
      },
    },
  },
});

const SETUP = {
  skills: [bell],
  secrets: { token: 'secret' },
  config: { connectors: { memory: { opsRoom: 'lobby' } } },
};

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot(SETUP);
});
afterEach(() => bot.stop());

const reload = (change: Partial<Config>): Promise<void> =>
  bot.app.reload({ ...bot.app.config, ...change }, bot.app.registry.generation + 1);

async function metric(name: string, of = bot): Promise<number | undefined> {
  const lines = (await of.app.metrics.registry.metrics()).split('\n');
  const line = lines.find((one) => one.startsWith(`watchbell_${name} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test.each([
  'events_total{source="webhook",result="failed"}',
  'events_total{source="memory",result="failed"}',
  'events_total{source="memory",result="denied"}',
  'events_total{source="timer",result="ok"}',
  'webhook_requests_total{source="bell/prod",code="200"}',
  'webhook_requests_total{source="bell/prod",code="401"}',
  'webhook_requests_total{source="other",code="503"}',
  'commands_total{skill="bell",command="ring",result="ok"}',
  'commands_total{skill="core",command="status",result="denied"}',
  'commands_total{skill="core",command="other",result="invalid"}',
  'sends_total{connector="memory",result="rejected"}',
])('%s starts at 0, so that the first event is an increase', async (series) => {
  expect(await metric(series)).toBe(0);
});

test('events are counted in the series that started at 0, and in no other', async () => {
  const names = async (): Promise<string[]> =>
    [...(await bot.app.metrics.registry.metrics()).matchAll(/^(watchbell_\w+_total\{.*\}) /gm)].map(
      ([, series]) => series ?? '',
    );
  const before = await names();
  await bot.webhook('bell/prod', {}, 'secret');
  await bot.webhook('bell/prod', { fail: true }, 'secret');
  await bot.webhook('bell/prod', {}, 'wrong');
  await bot.webhook('bell/prod', '{', 'secret');
  await bot.webhook('bell/other', {}, 'secret');
  await bot.webhook('gong', {}, 'secret');
  for (const said of ['ring 1', 'ring x', 'status', 'blah']) await bot.say(said);
  expect(await metric('events_total{source="webhook",result="failed"}')).toBe(1);
  expect(await metric('webhook_requests_total{source="bell/prod",code="401"}')).toBe(1);
  expect(await metric('webhook_requests_total{source="other",code="503"}')).toBe(1);
  expect(await metric('commands_total{skill="bell",command="ring",result="wrong"}')).toBe(1);
  expect((await names()).filter((name) => !before.includes(name))).toEqual([]);
});

test('a source added by a reload starts at 0, and other counters continue', async () => {
  await bot.webhook('bell/prod', {}, 'wrong');
  await reload({ skills: { ...bot.app.config.skills, bell: { sources: ['prod', 'staging'] } } });
  expect(await metric('webhook_requests_total{source="bell/staging",code="401"}')).toBe(0);
  expect(await metric('webhook_requests_total{source="bell/prod",code="401"}')).toBe(1);
  expect(await metric('webhook_last_received_timestamp_seconds{source="bell/staging"}')).toBeGreaterThan(0);
});

test('a connector removed by a reload is not reported as down', async () => {
  await bot.say('status');
  expect(await metric('connector_up{connector="memory"}')).toBe(1);
  expect(await metric('connector_last_event_timestamp_seconds{connector="memory"}')).toBeGreaterThan(0);
  await reload({ connectors: {} });
  expect(
    (await bot.app.metrics.registry.metrics()).split('\n').filter((line) => /connector_.*memory/.test(line)),
  ).toEqual([]);
});

test('the last time of a source survives the replica that received it, and every replica exports it', async () => {
  const name = 'webhook_last_received_timestamp_seconds{source="bell/prod"}';
  const configured = (await metric(name)) ?? 0;
  await bot.advance(3_600_000);
  expect((await bot.webhook('bell/prod', {}, 'secret')).status).toBe(200);
  await bot.leave();
  const other = await startTestBot({ ...SETUP, sharedWith: bot });
  try {
    expect(((await metric(name, other)) ?? 0) - configured).toBeGreaterThanOrEqual(3600);
  } finally {
    await other.leave();
  }
});

test('webhooks for unknown addresses are reported once, even with made-up names', async () => {
  for (const source of ['prodd', 'a', 'b']) expect((await bot.webhook(`bell/${source}`, {}, 'guess')).status).toBe(503);
  for (const address of ['gong/x', 'bell/prod/v2', ''])
    expect((await bot.webhook(address, {}, 'guess')).status).toBe(404);
  expect((await bot.webhook('bell/prod/v2', {}, 'secret')).status).toBe(404);
  const told = (): string[] => bot.texts().filter((text) => text.includes('rejected'));
  while (told().length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  await bot.settle();
  // Each is stored in a separate transaction, in any order.
  expect(told().toSorted()).toEqual([
    'A request to `/webhooks/bell/prodd` was rejected: this replica does not know source prodd yet: add it to the configuration, or wait. If it was meant for me, correct the address there, or add the source here. Configured: `bell/prod`.',
    'A request to `/webhooks/gong/x` was rejected: no webhook has this address: see the documentation of the skill. If it was meant for me, correct the address there.',
    'A sender with the token of `bell/prod` posts to `/webhooks/bell/prod/v2` and is rejected (no webhook has this address: see the documentation of the skill); its alerts are being lost.',
  ]);
  expect(await bot.query('select about from notices order by about')).toEqual([
    { about: 'webhook:address:404' },
    { about: 'webhook:bell:unknown source:503' },
    { about: 'webhook:of bell/prod:404' },
  ]);
});
