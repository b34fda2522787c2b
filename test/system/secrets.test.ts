import { messageOf } from '../../src/errors.ts';
import { forgetSecrets, rememberSecret } from '../../src/mask.ts';
import { defineSkill, defineTask, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const SECRET = 'hunter2-hunter2-hunter2';
/** The error of `fetch` for a header with a line break. */
const leak = (): never => {
  throw new Error(`Headers.append: "Bearer ${SECRET}" is an invalid header value.`);
};

const leaky = defineSkill({
  name: 'leaky',
  commands: {
    fail: { help: 'fails', run: leak },
    start: {
      help: 'starts a failing task',
      run: async (context) => {
        await context.task('post', null);
        return 'started';
      },
    },
  },
  tasks: {
    post: defineTask<unknown, null, null>({
      payload: z.null(),
      result: z.null(),
      run: leak,
      done: async (context, outcome) => {
        if (!outcome.ok) await context.say('lobby', `failed: ${outcome.reason}`);
      },
    }),
  },
  webhooks: { leaky: { sources: () => ['a'], verify: () => ({ bearer: [{ file: 'token' }] }), run: leak } },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({ skills: [leaky], secrets: { token: SECRET } });
  rememberSecret(SECRET);
});
afterAll(async () => {
  await bot.stop();
  forgetSecrets();
});

test('a secret quoted in the error of a library reaches no room and no row', async () => {
  expect(
    messageOf(
      await Promise.resolve()
        .then(leak)
        .catch((error: unknown) => error),
    ),
  ).not.toContain(SECRET);
  await bot.say('fail');
  await bot.say('start');
  expect((await bot.webhook('leaky/a', {}, SECRET)).status).toBe(200);
  await bot.settle();
  expect(bot.texts().join('\n')).toContain('Headers.append: "Bearer [redacted]" is an invalid header value.');
  expect(bot.texts().join('\n')).not.toContain(SECRET);
  const errors = await bot.query<{ message: string; stack: string }>('select message, stack from errors');
  expect(errors).toHaveLength(2);
  const tables = await bot.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  for (const { name } of tables)
    expect(JSON.stringify(await bot.query(`select t::text from ${name} t`))).not.toContain(SECRET);
});
