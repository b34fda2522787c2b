import { CommandError, defineSkill, defineTask, z } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';

let release: () => void = () => {};
let held = Promise.resolve();
const runs: string[] = [];

const tea = defineSkill({
  name: 'tea',
  commands: {
    'brew {pot}': {
      help: 'brews tea, one task for each pot',
      run: async ({ task, args }) => {
        const pot = String(args['pot']);
        const [first, again] = [
          await task('brew', { pot }, { key: pot }),
          await task('brew', { pot: 'other' }, { key: pot }),
        ];
        return first.id === again.id ? 'one task' : 'two tasks';
      },
    },
    'waste {pot}': {
      help: 'starts a task and cancels it in the same handler',
      run: async ({ task, cancelTask, args }) => {
        await task('brew', { pot: args['pot'] as string }, { key: String(args['pot']) });
        return cancelTask(String(args['pot']));
      },
    },
    'spoil {pot}': {
      help: 'starts a task, then fails',
      run: async ({ task, args }) => {
        await task('brew', { pot: args['pot'] as string }, { key: String(args['pot']) });
        throw new CommandError('no tea');
      },
    },
    'pour {pot} away': { help: 'stops it', run: ({ cancelTask, args }) => cancelTask(String(args['pot'])) },
  },
  tasks: {
    brew: defineTask({
      payload: z.object({ pot: z.string() }),
      result: z.string(),
      progress: z.object({ percent: z.number() }),
      run: async ({ payload, report, signal }) => {
        runs.push(payload.pot);
        await report({ percent: 50 });
        await Promise.race([held, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        return signal.aborted ? 'half brewed' : 'brewed';
      },
      report: ({ post }, { payload, progress, key }) =>
        post('lobby', `pot ${key}`, `${payload.pot}: ${progress.percent} %`),
      done: ({ post }, outcome) =>
        post(
          'lobby',
          `pot ${outcome.payload.pot}`,
          outcome.ok ? outcome.result : `${outcome.reason}, ${outcome.unknown}`,
        ),
    }),
  },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({ skills: [tea] });
});
afterAll(() => bot.stop());
beforeEach(() => {
  runs.splice(0);
  held = new Promise((resolve) => (release = resolve));
});

test('a key is one task; its reports are handled while it runs, and its result afterwards', async () => {
  bot.begin('brew green');
  await bot.shows('green: 50 %');
  release();
  await bot.settle();
  expect(bot.texts()).toEqual(['one task', 'brewed']);
  expect(runs).toEqual(['green']);
});

test('a task cancelled before it starts never runs, and its skill is told', async () => {
  await bot.say('waste black');
  expect(bot.texts().slice(2)).toEqual(['cancelled', 'it was cancelled before it started, false']);
  expect(runs).toEqual([]);
});

test('a running task is stopped, and reports what it did', async () => {
  bot.begin('brew mint');
  await bot.shows('mint: 50 %');
  await bot.say('pour mint away');
  expect(bot.texts().slice(4)).toEqual(['one task', 'half brewed', 'running']);
  expect(await bot.say('pour mint away')).toEqual(['none']);
});

test('a command that fails has not started its task', async () => {
  expect(await bot.say('spoil red')).toEqual(['no tea']);
  expect(await bot.say('pour red away')).toEqual(['none']);
  expect(runs).toEqual([]);
});
