import { until } from '../../test/harness/until.ts';
import { defineServiceEvent, defineSkill, z, type ServiceRun } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';

interface Options {
  readonly word: string;
  readonly on: boolean;
}

/** Each run of the service in this process, in order. */
const runs: ServiceRun<Options>[] = [];
let behave: (run: ServiceRun<Options>) => Promise<void> = (run) => run.pause(600_000);

const watch = defineSkill<Options>({
  name: 'watch',
  options: z.object({ word: z.string().default('seen'), on: z.boolean().default(true) }),
  commands: { knock: { help: 'is not needed', run: () => 'who is there?' } },
  services: {
    eye: {
      enabled: ({ on }) => on,
      run: (run) => (runs.push(run), behave(run)),
      events: {
        saw: defineServiceEvent<Options, { what: string }>({
          payload: z.object({ what: z.string() }),
          run: ({ say, options }, { what }, { readAt }) =>
            say('lobby', `${options.word} ${what}${readAt instanceof Date ? '' : ' at no time'}`),
        }),
      },
    },
  },
});

let bot: TestBot;
const bots: TestBot[] = [];
beforeEach(() => {
  runs.splice(0);
  behave = (run) => run.pause(600_000);
});
afterEach(async () => {
  for (const one of bots.splice(0).toReversed()) await one.stop();
});
async function start(more: Partial<Parameters<typeof startTestBot>[0]> = {}): Promise<TestBot> {
  bot = await startTestBot({ skills: [watch], ...more });
  bots.push(bot);
  return bot;
}

test('a finding is handled once, however often it is emitted', async () => {
  await start();
  await until(() => runs.length === 1);
  const readAt = await runs[0]?.now();
  for (const id of ['1', '1', '2']) await runs[0]?.emit('saw', { what: id }, { id, readAt: readAt ?? new Date(0) });
  await bot.settle();
  expect(bot.texts()).toEqual(['seen 1', 'seen 2']);
});

test('undeclared events, invalid payloads and undeclared abilities throw', async () => {
  await start();
  await until(() => runs.length === 1);
  const given = { id: '1', readAt: new Date() };
  await expect(runs[0]?.emit('heard', {}, given)).rejects.toThrow('has no event "heard"');
  await expect(runs[0]?.emit('saw', { what: 7 }, given)).rejects.toThrow('expected string');
  expect(() => runs[0]?.http).toThrow(`needs: ['http']`);
});

test('a service that throws is restarted, and /healthz shows it until it is healthy', async () => {
  behave = async (run) => {
    if (runs.length === 1) throw new Error('no light');
    return run.pause(600_000);
  };
  await start();
  const part = () => bot.app.parts()['service watch.eye'];
  await until(() => part()?.ok === false);
  expect(part()).toMatchObject({ detail: 'no light' });
  await until(() => runs.length === 2 && part()?.ok === true);
});

test('one of two replicas runs it, and the other takes over when that one leaves', async () => {
  const first = await start();
  await until(() => runs.length === 1);
  await start({ sharedWith: first });
  expect(bot.app.parts()['service watch.eye']).toMatchObject({ ok: true, detail: 'active on another replica' });
  await first.leave();
  expect(runs[0]?.signal.aborted).toBe(true);
  await until(() => runs.length === 2);
});

test('a service that ignores its signal stores nothing after another replica has taken over', async () => {
  const first = await start();
  await until(() => runs.length === 1);
  await first.query(`update leases set epoch = epoch + 1 where name = 'service:watch.eye'`);
  await expect(runs[0]?.emit('saw', { what: 'ghosts' }, { id: '1', readAt: new Date() })).rejects.toMatchObject({
    code: 'WB_LEASE_LOST',
  });
  expect(await first.query('select 1 from events')).toEqual([]);
});

test('a new configuration restarts it with the new options, or stops it', async () => {
  await start();
  await until(() => runs.length === 1);
  const reload = (options: Options, generation: number) =>
    bot.app.reload({ ...bot.app.config, skills: { watch: options } }, generation);
  await reload({ word: 'noticed', on: true }, 2);
  expect(runs[0]?.signal.aborted).toBe(true);
  await until(() => runs.length === 2);
  expect(runs[1]?.options.word).toBe('noticed');
  await reload({ word: 'noticed', on: false }, 3);
  expect(runs[1]?.signal.aborted).toBe(true);
  expect(bot.app.parts()['service watch.eye']).toBeUndefined();
});
