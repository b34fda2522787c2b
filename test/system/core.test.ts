import { RateLimited } from '../../src/connectors/connector.ts';
import { defineSkill, defineTask, defineTimer, z, CommandError } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';

const probe = defineSkill({
  name: 'probe',
  options: z.object({ word: z.string().default('pong') }),
  commands: {
    ping: { help: 'answers', run: ({ options }) => options.word },
    'living {key} {text...}': {
      help: 'shows a message under a key',
      run: (context) =>
        void context.post('lobby', context.args.key, {
          text: context.args.text,
          actions: [{ label: 'Ping', emoji: '👀', command: 'ping' }],
        }),
    },
    'turn {key}': {
      help: 'puts another command behind its emoji',
      run: (context) =>
        void context.post('lobby', context.args.key, {
          text: 'turned',
          actions: [{ label: 'Too much', emoji: '👀', command: 'measure 11' }],
        }),
    },
    'ring {key} {text...}': {
      help: 'posts it again with a ring',
      run: (context) => void context.post('lobby', context.args.key, context.args.text, { ring: true }),
    },
    'between {from:int} {to:int}': {
      help: 'shows a message not before and not after so many seconds from now',
      run: ({ args, now, post }) => {
        const [notBefore, until] = [args.from, args.to].map((seconds) => new Date(now.getTime() + seconds * 1000));
        return post('lobby', 'between', 'now', { ...(notBefore && { notBefore }), ...(until && { until }) });
      },
    },
    'gone {key}': { help: 'removes it', run: (context) => context.remove('lobby', context.args.key) },
    boom: {
      help: 'fails',
      run: async (context) => {
        await context.state.set('half', 'written');
        throw new Error('broken on purpose');
      },
    },
    'measure {n:int}': {
      help: 'counts a number in a histogram',
      run: async (context) => {
        await context.observe('watchbell_probe_n', context.args.n);
        if (context.args.n > 10) throw new CommandError('too much');
        if (context.args.n < 0) return context.invalid('a number from 0 to 10');
      },
    },
    refuse: {
      help: 'fails after writing',
      run: async (context) => {
        await context.state.set('half', 'written');
        await context.say('lobby', 'half said');
        throw new CommandError('no, thanks');
      },
    },
    'later {for:duration}': {
      help: 'sets a timer',
      run: (context) => context.at('later', new Date(context.now.getTime() + context.args.for), 'due', { n: 1 }),
    },
    'never mind': { help: 'cancels it', run: (context) => context.cancel('later') },
    work: { help: 'starts a task', run: async (context) => void (await context.task('double', { n: 21 })) },
  },
  histograms: { watchbell_probe_n: { help: 'Numbers measured', buckets: [1, 10] } },
  timers: {
    due: defineTimer({
      payload: z.object({ n: z.number() }),
      run: (context, fired) =>
        context.say('lobby', `due ${fired.payload.n}, ${Math.round(fired.lateMs / 60_000)} min late`),
    }),
  },
  tasks: {
    double: defineTask({
      payload: z.object({ n: z.number() }),
      result: z.number(),
      idempotent: true,
      run: async ({ payload }) => payload.n * 2,
      done: (context, outcome) =>
        context.say('lobby', outcome.ok ? `result ${outcome.result}` : `failed ${outcome.reason}`),
    }),
  },
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({ skills: [probe] });
});
afterAll(() => bot.stop());

test('a command is answered once, however often the platform delivers it', async () => {
  expect(await bot.say('ping')).toEqual(['pong']);
  const last = bot.platform.stream.at(-1);
  if (last) bot.platform.happen(last);
  await bot.settle();
  expect(bot.texts().filter((text) => text === 'pong')).toHaveLength(1);
});

test('a message under a key is edited in place, and a ring sends a new copy and shortens the old one', async () => {
  await bot.say('living a one');
  await bot.say('living a two');
  expect(bot.texts().filter((text) => text === 'two')).toHaveLength(1);
  expect(bot.texts()).not.toContain('one');
  await bot.say('ring a three');
  expect(bot.texts().filter((text) => text === 'three')).toHaveLength(1);
  expect(bot.texts().filter((text) => text.includes('continued below'))).toHaveLength(1);
  await bot.say('gone a');
  expect(bot.texts()).not.toContain('three');
});

test('a scheduled message can be rescheduled with the same content', async () => {
  await bot.say('between 60 90');
  await bot.say('between 300 330');
  await bot.advance(100_000);
  expect(bot.texts()).not.toContain('now');
  await bot.advance(210_000);
  expect(bot.texts().filter((text) => text === 'now')).toHaveLength(1);
});

test('a reaction runs the command that was shown, as the person who reacted', async () => {
  await bot.say('living b tap me');
  const message = bot.messages().find((one) => one.message.text === 'tap me');
  const before = bot.texts().filter((text) => text === 'pong').length;
  await bot.tap(message?.id ?? '', '👀');
  expect(bot.texts().filter((text) => text === 'pong')).toHaveLength(before + 1);
});

test('a reaction refers to the version that is shown, even while a newer one is pending', async () => {
  await bot.say('living c as it was');
  const message = bot.messages().find((one) => one.message.text === 'as it was');
  bot.platform.before = (operation) => {
    if (operation.type === 'edit') throw new RateLimited(`room:${operation.room}`, 50);
  };
  const before = bot.texts().length;
  const happening = (id: string) => ({
    id,
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
  });
  bot.platform.happen({ type: 'message', ...happening('turn'), text: '!turn c', mentionsBot: false });
  bot.platform.happen({ type: 'reaction', taken: false, ...happening('tap'), target: message?.id ?? '', emoji: '👀' });
  const handled = () => bot.query(`select 1 from events where source_id = 'tap' and state = 'done'`);
  while ((await handled()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(bot.texts()).toContain('as it was');
  bot.platform.before = () => {};
  await bot.settle();
  expect(bot.texts().slice(before)).toEqual(['pong']);
  expect(bot.texts()).toContain('turned');
  await bot.tap(message?.id ?? '', '👀');
  expect(bot.texts().at(-1)).toBe('too much');
});

test('a handler that fails leaves only the failed event, its error, and one reply with the error number', async () => {
  const [answer] = await bot.say('boom');
  const number = /`([0-9a-f]{8})`/.exec(answer ?? '')?.[1];
  expect(number).toBeDefined();
  expect(await bot.query('select 1 from skill_state')).toHaveLength(0);
  const failed = await bot.query<{ payload: string; message: string }>(
    `select payload, message from events join errors on errors.id = error_id where state = 'failed' and errors.id::text like $1 || '%'`,
    [number],
  );
  expect(failed).toHaveLength(1);
  expect(failed[0]?.payload).toContain('boom');
  expect(failed[0]?.message).toContain('broken on purpose');
  expect(await bot.app.metrics.registry.metrics()).toContain(
    'watchbell_commands_total{skill="probe",command="boom",result="failed"} 1',
  );
});

test('observed values are counted after the commit, and not if the command fails', async () => {
  expect(await bot.app.metrics.registry.metrics()).toContain('watchbell_probe_n_count 0');
  await bot.say('measure 5');
  expect(await bot.say('measure 11')).toEqual(['too much']);
  expect(await bot.app.metrics.registry.metrics()).toContain('watchbell_probe_n_bucket{le="10"} 1');
  expect(await bot.app.metrics.registry.metrics()).toContain('watchbell_probe_n_count 1');
});

test('a skill can reject an argument as invalid', async () => {
  expect(await bot.say('measure -1')).toEqual(['a number from 0 to 10']);
  expect(await bot.app.metrics.registry.metrics()).toContain(
    'watchbell_commands_total{skill="probe",command="measure",result="invalid"} 1',
  );
});

test('a command that throws CommandError has no effect, and its message is shown', async () => {
  expect(await bot.say('refuse')).toEqual(['no, thanks']);
  expect(await bot.query('select 1 from skill_state')).toHaveLength(0);
});

test('a timer fires once, reports how late it is, and can be cancelled', async () => {
  await bot.say('later 5m');
  await bot.advance(4 * 60_000);
  expect(bot.texts().filter((text) => text.startsWith('due'))).toHaveLength(0);
  await bot.advance(3 * 60_000);
  expect(bot.texts().filter((text) => text === 'due 1, 2 min late')).toHaveLength(1);
  await bot.say('later 5m');
  await bot.say('never mind');
  await bot.advance(10 * 60_000);
  expect(bot.texts().filter((text) => text.startsWith('due'))).toHaveLength(1);
});

test('a timer that was due during downtime fires once afterwards, and reports how late it is', async () => {
  await using before = await startTestBot({ skills: [probe] });
  await before.say('later 5m');
  await before.leave();
  await before.query(`update timers set due_at = clock_timestamp() - interval '3 min'`);
  await using after = await startTestBot({ skills: [probe], sharedWith: before });
  await after.settle();
  await after.advance(10 * 60_000);
  expect(after.texts().filter((text) => text.startsWith('due'))).toEqual(['due 1, 3 min late']);
});

test('the result of a task is handled once', async () => {
  await bot.say('work');
  expect(bot.texts().filter((text) => text === 'result 42')).toHaveLength(1);
});

test('unknown commands are answered with a suggestion only when the bot was addressed by name', async () => {
  expect(await bot.say('pimg')).toEqual([]);
  bot.platform.happen({
    type: 'message',
    id: 'by-name',
    room: 'lobby',
    direct: false,
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
    at: bot.app.clock.now(),
    text: 'watchbell: pimg',
    mentionsBot: false,
  });
  await bot.settle();
  expect(bot.texts().at(-1)).toContain('Did you mean `ping`?');
});

test('a message that the platform rejects for good becomes a dead letter', async () => {
  bot.platform.before = (operation) => {
    if (operation.type === 'send')
      throw Object.assign(new Error('not in the room'), { code: 'WB_REJECTED', reason: 'I am not in the room' });
  };
  expect(await bot.say('ping')).toEqual([]);
  bot.platform.before = () => {};
  expect(await bot.query<{ reason: string }>(`select reason from messages where state = 'dead'`)).toEqual([
    { reason: 'I am not in the room' },
  ]);
});

test('a reply whose response was lost is not sent twice', async () => {
  let lost = 0;
  bot.platform.after = (operation) => {
    if (operation.type === 'send' && lost++ === 0) throw new Error('connection reset');
  };
  expect(await bot.say('ping')).toEqual(['pong']);
  expect(lost).toBe(2);
  bot.platform.after = () => {};
});
