import { defineQuery, defineSkill, escape, z } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';

const HOUR_MS = 3_600_000;
const duty = defineSkill({
  name: 'duty',
  queries: {
    now: defineQuery({
      help: 'who is on call, and the overrides',
      input: z.object({ schedule: z.string() }),
      output: z.object({ person: z.string().optional(), taken: z.array(z.string()) }),
      run: async ({ people }, { schedule }) => {
        const [{ people: found }, taken] = [await people.onCall(schedule), await people.overrides(schedule)];
        return { person: found[0]?.id, taken: taken.map(({ person }) => person) };
      },
    }),
  },
  commands: {
    'duty {schedule}': {
      help: 'shows who is on call',
      run: async ({ people, args }) => {
        const { people: found, from, until } = await people.onCall(String(args['schedule']));
        return `${found.map(({ name }) => escape(name)).join()} ${from} ${until?.toISOString()}`;
      },
    },
    'take {schedule} {person} {hours:int}': {
      help: 'puts a person on call for some hours',
      run: async ({ people, args, now, sender }) => {
        const until = new Date(now.getTime() + Number(args['hours']) * HOUR_MS);
        const [schedule, person] = [String(args['schedule']), String(args['person'])];
        const { id } = await people.override({ schedule, person, from: now, until, by: sender.name });
        return `taken, ${id}`;
      },
    },
    'give back {id:int}': {
      help: 'withdraws an override',
      run: async ({ people, args }) => ((await people.withdrawOverride(args['id'] as number)) ? 'done' : 'nothing'),
    },
    'taken {schedule}': {
      help: 'lists overrides',
      run: async ({ people, args }) =>
        (await people.overrides(String(args['schedule'])))
          .map(({ id, person, by }) => `${id} ${person} ${by}`)
          .join() || 'none',
    },
  },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [duty],
    config: {
      people: {
        ann: { name: 'Ann', accounts: { memory: '@ann:test' }, groups: ['admins'] },
        bob: { name: 'Bob', accounts: { memory: '@bob:test' } },
      },
      timeIntervals: { always: { hours: '00:00-24:00', timeZone: 'UTC' } },
      schedules: {
        primary: {
          layers: [
            { rotation: 'weekly', handover: 'Mon 09:00', start: '2020-01-06', people: ['ann'] },
            { rotation: '24h', handover: '00:00', start: '2099-01-01', people: ['bob'], during: 'always' },
          ],
        },
      },
    },
  });
});
afterAll(() => bot.stop());

test('a configured schedule decides who is on call; an override lasts until it ends or is withdrawn', async () => {
  expect(await bot.say('duty primary')).toEqual(['Ann layer undefined']);
  expect(await bot.say('take primary bob 2')).toEqual(['taken, 1']);
  expect(await bot.say('taken primary')).toEqual(['1 bob Ann']);
  expect(await bot.ask('duty now', { schedule: 'primary' })).toEqual({ person: 'bob', taken: ['bob'] });
  expect(await bot.say('duty primary')).toEqual([expect.stringMatching(/^Bob override 20/)]);
  await bot.advance(2 * HOUR_MS);
  expect(await bot.say('duty primary')).toEqual(['Ann layer undefined']);
  expect(await bot.say('give back 1')).toEqual(['nothing']);
  await bot.say('take primary bob 2');
  expect(await bot.say('give back 2')).toEqual(['done']);
  expect(await bot.say('give back 2')).toEqual(['nothing']);
  expect(await bot.say('taken primary')).toEqual(['none']);
  expect(await bot.say('duty primary')).toEqual(['Ann layer undefined']);
});

test.each(['duty secondary', 'take primary carl 1', 'take primary bob 0'])(
  '%s fails, and nothing is stored',
  async (text) => {
    expect(await bot.say(text)).toEqual([expect.stringContaining('something failed')]);
    expect(await bot.say('taken primary')).toEqual(['none']);
  },
);
