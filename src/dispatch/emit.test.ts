import { defineEvent, defineSkill, on, z, type Context } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';

const down = defineEvent('monitors.down', z.object({ check: z.string(), since: z.iso.datetime() }));
/** As a skill of an earlier release declares it. */
const downOfBefore = defineEvent('monitors.down', z.object({ check: z.number() }));

const emitter = defineSkill({
  name: 'monitors',
  commands: {
    'fall {check}': {
      help: 'says that a check fails',
      run: ({ emit, args, now }) => emit(down, { check: String(args['check']), since: now.toISOString() }),
    },
    'stumble {check}': {
      help: 'says it wrongly',
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

test('an event reaches every skill that listens, once, each in a transaction of its own', async () => {
  await bot.say('fall shop');
  expect(bot.texts().toSorted()).toEqual(['one heard of shop', 'two heard of shop']);
  // The third declares it in another way: that fails, and takes nobody else along.
  expect(await bot.query(`select skill from events where state = 'failed'`)).toEqual([{ skill: 'deaf' }]);
});

test('a payload that is not what was declared is not emitted', async () => {
  expect(await bot.say('stumble shop')).toEqual([expect.stringContaining('went wrong')]);
  expect(await bot.query(`select skill from events where kind = 'emit' order by skill`)).toHaveLength(3);
  expect(bot.texts()).toHaveLength(3);
});
