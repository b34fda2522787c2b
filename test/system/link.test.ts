/** People add their accounts on other platforms with `link`. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../../src/config/schema.ts';
import { MemoryPlatform, memoryPlatform } from '../../src/connectors/memory/index.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, textOf, type TestBot, type TestBotOptions } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const probe = defineSkill({
  name: 'probe',
  commands: {
    'page {person} {text...}': {
      help: 'pages someone',
      run: ({ notify, args }) => notify(String(args['person']), String(args['text']), { key: 'page' }),
    },
    touch: {
      help: 'changes something',
      class: 'act',
      run: ({ sender }) => `touched by ${sender.person}, ${sender.name}`,
    },
    'post thread': { help: 'starts a thread', run: ({ post }) => post('lobby', 'root', 'root') },
  },
});
const MINUTE_MS = 60_000;
const CODE = /link (\w{4}-\w{4})/;

/** The platform on which people have further accounts. */
let acme: MemoryPlatform;
let bot: TestBot;
const setup = (): TestBotOptions => ({
  skills: [probe],
  platforms: [{ ...memoryPlatform(acme), type: 'acme' }],
  config: {
    connectors: { memory: {}, acme: {} },
    rooms: { lobby: { in: { memory: 'lobby', acme: 'lobby' } } },
    people: {
      ann: { name: 'Ann', accounts: { memory: '@ann:test' }, groups: ['admins'], contact: ['acme', 'memory'] },
      bob: { name: 'Bob', accounts: { memory: '@bob:test' } },
    },
  },
});

async function begin(): Promise<void> {
  acme = new MemoryPlatform();
  bot = await startTestBot(setup());
  await connectedToAcme();
}

async function connectedToAcme(): Promise<void> {
  await until(async () => (await bot.query(`select 1 from cursors where connector = 'acme'`)).length > 0);
}

beforeEach(begin);
afterEach(() => bot.stop());

interface SayOnAcme {
  readonly room?: string;
  readonly name?: string;
  readonly guest?: boolean;
  readonly id?: string;
}

function sendOnAcme(
  text: string,
  by: string,
  { room, name = by, guest = false, id = randomUUID() }: SayOnAcme = {},
): void {
  acme.happen({
    ...{ type: 'message', id, room: room ?? `with ${by}`, direct: room === undefined, at: bot.app.clock.now() },
    ...{ sender: { accountId: by, name, bot: false, guest }, text, mentionsBot: room !== undefined },
  });
}

/** Sends a message on acme, by default a direct one, and resolves to the answers. */
async function onAcme(text: string, by: string, options: SayOnAcme = {}): Promise<string[]> {
  const room = options.room ?? `with ${by}`;
  const before = acme.shown(room).length;
  sendOnAcme(text, by, options);
  await settled();
  return acme
    .shown(room)
    .slice(before)
    .map(({ message }) => textOf(message));
}

async function settled(): Promise<void> {
  const received = acme.stream.length;
  await until(
    async () =>
      (await bot.query(`select 1 from cursors where connector = 'acme' and cursor::int >= $1`, [received])).length > 0,
  );
  await bot.settle();
}

/** Sends a direct message on the platform where people are listed, and resolves to the answers. */
const inDirect = (text: string, by = '@ann:test'): Promise<string[]> =>
  bot.say(text, { by, room: `with ${by}`, direct: true });

async function getCode(by = '@ann:test'): Promise<string> {
  const [answer = ''] = await inDirect('link', by);
  const code = CODE.exec(answer)?.[1];
  if (code === undefined) throw new Error(`no code in: ${answer}`);
  return code;
}

const links = (): Promise<{ account: string; person: string }[]> =>
  bot.query('select account, person from linked_accounts order by account');
const reload = (change: Partial<Config>): Promise<void> =>
  bot.app.reload({ ...bot.app.config, ...change }, bot.app.registry.generation + 1);

test('a code from a listed account makes an unlisted account the same person, for access, names and notifications', async () => {
  expect(await onAcme('touch', 'U99')).toEqual([
    expect.stringContaining('Not allowed: direct messages are for people listed'),
  ]);
  const code = await getCode();
  expect(await onAcme(`link ${code}`, 'U99')).toEqual([expect.stringContaining('This account is now linked to Ann')]);
  expect(await onAcme('touch', 'U99')).toEqual(['touched by ann, Ann']);
  expect(await onAcme('whoami', 'U99')).toEqual([expect.stringContaining('in the groups admins')]);
  await bot.say('page ann wake up');
  await settled();
  expect(acme.shown('direct-U99').map(({ message }) => textOf(message))).toEqual(['wake up']);
  // The person is notified on the account they already had.
  expect(bot.texts('direct-@ann:test')).toEqual([expect.stringContaining('`U99` (U99) on acme is now linked to you')]);
  expect((await inDirect('link'))[0]).toContain('Your accounts: acme `U99`, memory `@ann:test`');
  expect(await bot.ask('core links')).toMatchObject({
    items: [{ person: 'ann', connector: 'acme', account: 'U99', active: true }],
  });
});

test('a code works once', async () => {
  const code = await getCode();
  await onAcme(`link ${code.toLowerCase().replace('-', '')}`, 'U99');
  expect(await onAcme(`link ${code}`, 'U77')).toEqual([
    expect.stringContaining('wrong, has expired or was already used'),
  ]);
  expect(await links()).toEqual([{ account: 'U99', person: 'ann' }]);
});

test('a code works for ten minutes, and only the newest one', async () => {
  const [first, second] = [await getCode(), await getCode()];
  expect(await onAcme(`link ${first}`, 'U99')).toEqual([expect.stringContaining('wrong, has expired')]);
  bot.pass(10 * MINUTE_MS + 1000);
  expect(await onAcme(`link ${second}`, 'U99')).toEqual([expect.stringContaining('wrong, has expired')]);
  expect(await links()).toEqual([]);
});

test('after five wrong codes an account may not try another one for ten minutes, and each try is in the audit', async () => {
  for (let count = 0; count < 5; count++)
    expect(await onAcme('link 7777-7777', 'U666')).toEqual([expect.stringContaining('wrong')]);
  const code = await getCode();
  expect(await onAcme(`link ${code}`, 'U666')).toEqual([
    expect.stringMatching(/^Too many wrong codes\. Try again in /),
  ]);
  expect(await bot.query(`select result, text from audit where account = 'U666' order by id`)).toEqual([
    ...Array.from({ length: 5 }, () => ({ result: 'invalid', text: 'link' })),
    { result: 'wrong', text: 'link' },
  ]);
  expect(await onAcme(`link ${code}`, 'U99')).toEqual([expect.stringContaining('linked to Ann')]);
  bot.pass(10 * MINUTE_MS + 1000);
  expect(await onAcme(`link ${await getCode('@bob:test')}`, 'U666')).toEqual([
    expect.stringContaining('linked to Bob'),
  ]);
});

test('neither the audit nor the table of codes contains a code', async () => {
  const code = await getCode();
  await onAcme(`link ${code}`, 'U99', { guest: true });
  const kept = await bot.query(
    'select to_jsonb(audit)::text from audit union all select to_jsonb(link_codes)::text from link_codes',
  );
  expect(kept).toHaveLength(3);
  expect(JSON.stringify(kept)).not.toContain(code);
});

test('a listed account cannot use a code, which stays valid', async () => {
  const code = await getCode();
  for (const by of ['@ann:test', '@bob:test'])
    expect(await inDirect(`link ${code}`, by)).toEqual([
      expect.stringMatching(/^This account already belongs to (Ann|Bob)\./),
    ]);
  expect(await onAcme(`link ${code}`, 'U99')).toEqual([expect.stringContaining('linked to Ann')]);
  const second = await getCode();
  expect(await onAcme(`link ${second}`, 'U77')).toEqual([
    expect.stringContaining('Ann already has an account on acme: `U99`'),
  ]);
});

test('a guest and an account that an access rule denies cannot use a code', async () => {
  const code = await getCode();
  expect(await onAcme(`link ${code}`, 'U99', { guest: true })).toEqual([expect.stringContaining('Not allowed')]);
  await reload({ access: [{ deny: ['platform:acme'], commands: ['link'], reason: 'not from there' }] });
  expect(await onAcme(`link ${code}`, 'U99')).toEqual(['Not allowed: not from there']);
  expect(await links()).toEqual([]);
});

test('`link` gives no code in a room, and a code that was sent there is no longer valid', async () => {
  expect(await bot.say('link')).toEqual(['`link` works only in a direct message. Send it to me there.']);
  expect(await bot.query('select 1 from link_codes')).toEqual([]);
  const code = await getCode();
  expect(await onAcme(`link ${code}`, 'U99', { room: 'lobby' })).toEqual([
    expect.stringContaining('is no longer valid'),
  ]);
  expect(await onAcme(`link ${code}`, 'U77')).toEqual([expect.stringContaining('wrong')]);
  expect(await links()).toEqual([]);
});

test('`link` in a thread of a message of the bot is ignored unless the bot is addressed', async () => {
  await bot.say('post thread');
  const root = bot.messages().at(-1)?.id ?? '';
  bot.platform.happen({
    ...{ type: 'message', id: randomUUID(), room: 'lobby', direct: false, at: bot.app.clock.now() },
    ...{
      sender: { accountId: '@bob:test', name: 'Bob', bot: false, guest: false },
      text: 'link please',
      mentionsBot: false,
    },
    replyTo: root,
  });
  await bot.settle();
  expect(bot.texts()).toEqual(['root']);
});

test('a linked account can be removed by its person and by admins, and loses its rights at once', async () => {
  await onAcme(`link ${await getCode('@bob:test')}`, 'U99');
  const unused = await getCode('@bob:test');
  expect(await inDirect('unlink memory', '@bob:test')).toEqual([expect.stringContaining('is in the configuration')]);
  expect(await inDirect('unlink acme bob', '@bob:test')).toEqual([expect.stringContaining('Not allowed')]);
  expect(await onAcme('unlink Acme', 'U99')).toEqual(['`U99` on acme is no longer linked to you.']);
  expect(await onAcme('touch', 'U99')).toEqual([expect.stringContaining('Not allowed')]);
  // A stolen account may have asked for another code.
  expect(await onAcme(`link ${unused}`, 'U77')).toEqual([expect.stringContaining('wrong')]);
  expect(await inDirect('unlink acme', '@bob:test')).toEqual(['You have not linked an account on acme.']);

  await onAcme(`link ${await getCode('@bob:test')}`, 'U99');
  expect(await inDirect('unlink acme bob')).toEqual(['`U99` on acme is no longer linked to bob.']);
  expect(await onAcme('touch', 'U99')).toEqual([expect.stringContaining('Not allowed')]);
});

test('a person who is removed from the configuration loses linked accounts and codes at once; the accounts return with the person', async () => {
  await onAcme(`link ${await getCode('@bob:test')}`, 'U99');
  const code = await getCode('@bob:test');
  const { bob, ...others } = bot.app.config.people;
  await reload({ people: others });
  expect(await onAcme('touch', 'U99')).toEqual([expect.stringContaining('Not allowed')]);
  expect(await onAcme(`link ${code}`, 'U77')).toEqual([expect.stringContaining('wrong')]);
  expect(await bot.ask('core links')).toMatchObject({ items: [{ person: 'bob', active: false }] });
  if (bob) await reload({ people: { ...others, bob } });
  expect(await onAcme('touch', 'U99')).toEqual(['touched by bob, Bob']);
});

test('an account in the configuration belongs to the person listed there, whoever linked it', async () => {
  await onAcme(`link ${await getCode('@bob:test')}`, 'U99');
  const { ann, ...others } = bot.app.config.people;
  if (ann) await reload({ people: { ...others, ann: { ...ann, accounts: { ...ann.accounts, acme: 'U99' } } } });
  expect(await onAcme('touch', 'U99')).toEqual(['touched by ann, Ann']);
});

test('hostile names and codes stay text', async () => {
  const code = await getCode();
  const name = '**@room** `rm`\n[x](https://evil.test)';
  for (const strange of ["';drop", '%00%ff', '７７７７-７７７７', '0'.repeat(3000)])
    expect(await onAcme(`link ${strange}`, '__proto__', { name })).toEqual([expect.stringContaining('wrong')]);
  await onAcme(`link ${code}`, '__proto__', { name });
  expect(await onAcme('touch', '__proto__', { name })).toEqual(['touched by ann, Ann']);
  const [told = ''] = bot.texts('direct-@ann:test');
  expect(told).not.toMatch(/\n|(?<!\\)\*\*|(?<!\\)\[x/);
});

test('with two replicas, one of many accounts can use a code, and each replica knows it at once', async () => {
  const other = await startTestBot({ ...setup(), sharedWith: bot });
  try {
    const code = await getCode();
    for (let number = 0; number < 8; number++) sendOnAcme(`link ${code}`, `U${number}`);
    await settled();
    const [found, ...more] = await links();
    expect(more).toEqual([]);
    const account = found?.account ?? '';
    expect(await onAcme('touch', account)).toEqual(['touched by ann, Ann']);
    await until(() => [bot, other].every(({ app }) => app.registry.people.byAccount('acme', account)?.id === 'ann'));
    // This holds whichever replica handles the next event, even one that has not polled yet.
    for (const round of [1, 2, 3]) {
      await onAcme('unlink acme', account);
      expect(await onAcme('touch', account)).toEqual([expect.stringContaining('Not allowed')]);
      await onAcme(`link ${await getCode()}`, account);
      expect([round, await onAcme('touch', account)]).toEqual([round, ['touched by ann, Ann']]);
    }
  } finally {
    await other.stop();
  }
});

test('a repeated event changes nothing, and after a restart a linked account belongs to its person from the first event', async () => {
  const [code, id] = [await getCode(), randomUUID()];
  await onAcme(`link ${code}`, 'U99', { id });
  expect(await onAcme(`link ${code}`, 'U99', { id })).toEqual([]);
  await bot.leave();
  const before = acme.shown('with U99').length;
  sendOnAcme('touch', 'U99');
  const again = await startTestBot({ ...setup(), sharedWith: bot });
  try {
    await until(() => acme.shown('with U99').length > before);
    expect(
      acme
        .shown('with U99')
        .slice(before)
        .map(({ message }) => textOf(message)),
    ).toEqual(['touched by ann, Ann']);
    expect(again.app.registry.links.accounts).toHaveLength(1);
  } finally {
    await again.stop();
  }
});
