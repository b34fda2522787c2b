import { Outbox } from '../handlers/outbox.ts';
import { CommandError, defineSkill, z, type Actor } from '../skill.ts';
import { startTestBot, type TestBot } from '../testing/index.ts';
import { runCommand, type CommandResult } from './run-command.ts';
import type { CommandRequest } from './command-request.ts';

const shop = defineSkill({
  name: 'shop',
  options: z.object({ words: z.array(z.string()).default([]) }),
  commands: (options) => ({
    ...Object.fromEntries(
      options.words.map((word) => [word, { help: 'was configured', run: () => `${word}, as said` }]),
    ),
    'sell {what}': {
      help: 'sells something',
      class: 'act',
      resource: ({ what }) => `goods:${String(what)}`,
      visibility: 'asker',
      run: ({ args, can, sender, room }) =>
        can(sender, 'sell', room, 'goods:gold').then(
          (gold) => `${String(args['what'])} sold${gold ? ', gold too' : ''}`,
        ),
    },
    'clear {n:int?}': {
      help: 'asks first',
      run: (context) =>
        context.args['n'] === undefined ? context.confirm('All 7?', 'clear 7') : context.cancelled('Cleared.'),
    },
    'fail {how}': {
      help: 'answers, then rejects',
      run: async (context) => {
        await context.reply('half said');
        await context.state.set('half', 'written');
        if (context.args['how'] === 'question') await context.confirm('Really?', 'fail refuse');
        if (context.args['how'] !== 'hard') throw new CommandError('no, thanks');
        throw new Error('broken on purpose');
      },
    },
  }),
});

let bot: TestBot;
beforeAll(async () => {
  bot = await startTestBot({
    skills: [shop],
    options: { shop: { words: ['tea', 'milk'] } },
    config: {
      api: { tokens: { ci: { token: { file: 'ci' }, commands: ['*'] } } },
      access: [{ deny: ['everyone'], on: ['goods:g*d'], reason: 'gold is not for sale' }],
    },
  });
});
afterAll(() => bot.stop());

const token: Actor = {
  ...{ kind: 'token', connector: 'api', accountId: 'token:ci', name: 'token:ci' },
  ...{ groups: [], guest: false, bot: false },
};

async function say(text: string, more: Partial<CommandRequest> = {}): Promise<CommandResult & { texts: string[] }> {
  const result = await bot.app.database.transaction((transaction) =>
    runCommand(
      {
        ...{ transaction, registry: bot.app.registry, outbox: new Outbox(), now: bot.app.clock.now() },
        ...{ eventId: 1, onCommand: () => {} },
      },
      {
        actor: token,
        place: { address: { connector: 'api', room: 'token:ci' }, name: undefined, direct: true },
        ...{ text, answerUnknown: true, tapped: false, about: undefined, lateMs: 0 },
        ...more,
      },
    ),
  );
  return { ...result, texts: result.answers.map(({ message }) => message.text ?? '') };
}

test.each([
  ['tea', 'ok', 'tea, as said'],
  ['sell cups', 'ok', 'cups sold'],
  ['sell gold', 'denied', 'Not allowed: gold is not for sale'],
  ['clear', 'confirm', 'All 7?'],
  ['clear 7', 'cancelled', 'Cleared.'],
  ['clear x', 'invalid', expect.stringContaining('Usage: `clear [n]`')],
  ['claer', 'invalid', 'I do not know that. Did you mean `clear [n]`?'],
  ['fail refuse', 'wrong', 'no, thanks'],
] as const)('%j is %s, with an answer', async (text, outcome, answer) => {
  const said = await say(text);
  expect(said).toMatchObject({ outcome, texts: [answer] });
});

test('asking for confirmation returns the command that confirms', async () => {
  expect((await say('clear')).say).toBe('clear 7');
  expect(await say('fail question')).toMatchObject({ outcome: 'wrong', texts: ['no, thanks'] });
  expect(await say('fail question')).not.toHaveProperty('say');
});

test('the command declares who sees its answers, including "not allowed"', async () => {
  const seen = async (text: string) => (await say(text)).answers.map(({ visibility }) => visibility);
  expect(await seen('sell cups')).toEqual(['asker']);
  expect(await seen('sell gold')).toEqual(['asker']);
  expect(await seen('tea')).toEqual(['everyone']);
});

test('a handler that throws rejects, so that its event fails', async () => {
  await expect(say('fail hard')).rejects.toThrow('broken on purpose');
});

test('commands over the API are in the audit', async () => {
  await bot.query('delete from audit');
  await say('sell gold');
  await say('clear');
  expect(await bot.query('select connector, account, command, result, because from audit order by id')).toEqual([
    { connector: 'api', account: 'token:ci', command: 'sell', result: 'denied', because: 'gold is not for sale' },
    expect.objectContaining({ command: 'clear', result: 'confirm' }),
  ]);
});

test('answers are reported in order with other messages, even those that are rolled back', async () => {
  const given: string[] = [];
  await bot.app.database.transaction(async (transaction) => {
    const outbox = new Outbox();
    const result = await runCommand(
      {
        ...{
          transaction,
          registry: bot.app.registry,
          outbox,
          now: bot.app.clock.now(),
          eventId: 1,
          onCommand: () => {},
        },
        answer: ({ message }) => given.push(message.text ?? ''),
      },
      {
        actor: token,
        place: { address: { connector: 'memory', room: 'lobby' }, name: 'lobby', direct: false },
        ...{ text: 'fail refuse', answerUnknown: true, tapped: false, about: undefined, lateMs: 0 },
      },
    );
    expect(result.answers).toHaveLength(1);
  });
  expect(given).toEqual(['half said', 'no, thanks']);
});
