import { defineEvent, defineSkill, on, z, type Context } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';

const down = defineEvent('monitors.down', z.object({ check: z.string(), since: z.iso.datetime() }));
/** The same event as declared by a skill of an earlier release. */
const downOfBefore = defineEvent('monitors.down', z.object({ check: z.number() }));

const emitter = defineSkill({
  name: 'monitors',
  commands: {
    'fall {check}': {
      help: 'reports a failed check',
      run: ({ emit, args, now }) => emit(down, { check: String(args['check']), since: now.toISOString() }),
    },
    'stumble {check}': {
      help: 'emits an invalid payload',
      run: ({ emit, args }) => emit(down, { check: String(args['check']), since: 'lately' }),
    },
  },
});
const hears = (name: string) =>
  defineSkill({
    name,
    events: { [down.name]: on(down, ({ say }: Context, { check }) => say('lobby', `${name} heard of ${check}`)) },
  });
const deaf = defineSkill({
  name: 'deaf',
  events: { [downOfBefore.name]: on(downOfBefore, ({ say }: Context) => say('lobby', 'understood')) },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({ skills: [emitter, hears('one'), hears('two'), deaf] });
});
afterAll(() => bot.stop());

test('an event reaches every listening skill once, each in its own transaction', async () => {
  await bot.say('fall shop');
  expect(bot.texts().toSorted()).toEqual(['one heard of shop', 'two heard of shop']);
  // The third declares it differently: that fails, without affecting the others.
  expect(await bot.query(`select skill from events where state = 'failed'`)).toEqual([{ skill: 'deaf' }]);
});

test('a payload that does not match its declaration is not emitted', async () => {
  expect(await bot.say('stumble shop')).toEqual([expect.stringContaining('something failed')]);
  expect(await bot.query(`select skill from events where kind = 'emit' order by skill`)).toHaveLength(3);
  expect(bot.texts()).toHaveLength(3);
});
