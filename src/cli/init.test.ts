import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createMatrixWorld, type MatrixWorld } from '../../test/fakes/matrix/world.ts';
import { createSlackWorld } from '../../test/fakes/slack/world.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import { slack } from '../connectors/slack/platform.ts';
import { check } from './check.ts';
import { init, type InitOptions } from './init.ts';

const PLATFORMS_WITH_SLACK = [...PLATFORMS.filter(({ type }) => type !== 'slack'), slack];

let directory: string;
let config: string;
let secrets: string;
let world: MatrixWorld;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-init-'));
  config = join(directory, 'watchbell.yaml');
  secrets = join(directory, 'secrets');
  world = await createMatrixWorld();
});
afterEach(async () => {
  await world.close();
  await rm(directory, { recursive: true, force: true });
});

const environment = () => ({ configPath: undefined, secretsDirectory: '/nowhere', logLevel: 'info' as const, env: {} });

/** Answers each prompt once a given part of it appears. */
class Person {
  readonly input = Object.assign(new PassThrough(), { isTTY: true });
  readonly output = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  /** Everything on the screen. */
  screen = '';
  readonly #answers: [prompt: string, answer: string | (() => void)][];
  #read = 0;

  constructor(answers: readonly (readonly [prompt: string, answer: string | (() => void)])[]) {
    this.#answers = answers.map(([prompt, answer]) => [prompt, answer]);
    this.output.on('data', (chunk: Buffer) => {
      this.screen += chunk.toString();
      this.#answer();
    });
  }

  get left(): readonly string[] {
    return this.#answers.map(([prompt]) => prompt);
  }

  #answer(): void {
    const [next] = this.#answers;
    const at = next ? this.screen.indexOf(next[0], this.#read) : -1;
    if (!next || at < 0) return;
    this.#read = at + next[0].length;
    this.#answers.shift();
    const [, answer] = next;
    // After the prompt is complete.
    setImmediate(() => {
      if (typeof answer === 'string') this.input.write(`${answer}\r`);
      else answer();
      this.#answer();
    });
  }
}

async function ask(person: Person, options: Partial<InitOptions> = {}): Promise<number> {
  const status = await init(
    { set: [], config, secrets, ...options },
    {
      streams: person,
      environment: environment(),
      platforms: PLATFORMS_WITH_SLACK,
      provideImports: () => {},
    },
  );
  expect(person.left).toEqual([]);
  return status;
}

/** Without a terminal, as in a script. */
async function script(options: Partial<InitOptions>): Promise<{ status: number; printed: string }> {
  const person = new Person([]);
  person.input.isTTY = false;
  const status = await ask(person, options);
  return { status, printed: person.screen };
}

const matrixFlags = (): Partial<InitOptions> => ({
  platform: 'matrix',
  set: [`homeserver=${world.homeserver.url}`, 'token=bot-token'],
  room: '#ops:fake.test',
});

async function checked(): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = [];
  const status = await check({
    ...{ path: config, environment: environment(), provideImports: () => {} },
    print: (line) => lines.push(line),
  });
  return { status, lines };
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

test('an interactive run asks for platform, token and room; the files work, and the token is never shown', async () => {
  const person = new Person([
    ['Number or name:', 'matrix'],
    ['Homeserver address', world.homeserver.url],
    ['Access token of the bot', 'bot-token'],
    ['Room for alerts', '#ops:fake.test'],
    ['Your own Matrix account', '@ann:fake.test'],
  ]);
  expect(await ask(person)).toBe(0);
  expect(person.screen).toContain('ok   matrix token: logged in as @bell:fake.test');
  expect(person.screen).toContain('ok   matrix room #ops:fake.test: joined, may post');
  expect(person.screen).toContain(`WATCHBELL_SECRETS=${secrets} npm start`);
  expect(person.screen).not.toContain('bot-token');
  expect(await checked()).toMatchObject({
    status: 0,
    lines: [expect.stringMatching(/: ok \(2 connectors, 1 room, 1 person,/)],
  });
  const written = await readFile(config, 'utf8');
  expect(written).toContain("ops: { in: { matrix: '#ops:fake.test', web: ops } }");
  expect(written).toContain("ann: { accounts: { matrix: '@ann:fake.test', web: local }, groups: [admins] }");
  expect(written).not.toContain('bot-token');
  expect(await readFile(join(secrets, 'matrix-token'), 'utf8')).toBe('bot-token\n');
  for (const file of ['matrix-token', 'alerts-token'])
    expect((await stat(join(secrets, file))).mode & 0o777).toBe(0o600);
  expect((await stat(secrets)).mode & 0o777).toBe(0o700);
  expect((await readdir(directory)).sort()).toEqual(['secrets', 'watchbell.yaml']);
});

test('a script gives its answers as flags; without a token the bot logs in with its password', async () => {
  const { status, printed } = await script({
    platform: 'matrix',
    set: [`homeserver=${world.homeserver.url}`, 'user=bell', 'password=pw'],
    room: '#ops:fake.test',
  });
  expect({ status, printed }).toMatchObject({ status: 0, printed: expect.stringContaining('Three things to do') });
  expect(await readFile(config, 'utf8')).toContain("user: 'bell'\n    password: { file: matrix-password }");
  expect(await checked()).toMatchObject({ status: 0 });
});

test('the built-in web chat needs no answers', async () => {
  expect(await script({ platform: 'web' })).toMatchObject({ status: 0 });
  expect(await checked()).toMatchObject({ status: 0 });
});

test('all missing answers are listed with their flags, and nothing is written', async () => {
  await expect(script({ platform: 'matrix', set: ['user=bell'] })).rejects.toThrow(
    'these answers are missing: --set homeserver=…, --set password=… (or the file matrix-password), --room ID',
  );
  await expect(script({ platform: 'matrx' })).rejects.toThrow('did you mean "matrix"?');
  await expect(script({ ...matrixFlags(), set: ['homeserver=x'] })).rejects.toThrow(
    'must be the address of the homeserver',
  );
  await expect(script({ ...matrixFlags(), room: 'ops' })).rejects.toThrow('an address looks like #ops:example.org');
  await expect(script({ platform: 'web', admin: 'ann' })).rejects.toThrow('--admin');
  expect(await readdir(directory)).toEqual([]);
});

test('for an unknown option the closest name is suggested', async () => {
  const flags = matrixFlags();
  await expect(script({ ...flags, set: [...(flags.set ?? []), 'devise=BELL'] })).rejects.toThrow(
    'did you mean "device"?',
  );
});

test('if a check fails, a script exits with 1, prints why and writes nothing', async () => {
  const { status, printed } = await script({
    ...matrixFlags(),
    set: [`homeserver=${world.homeserver.url}`, 'token=wrong-token'],
  });
  expect(status).toBe(1);
  expect(printed).toContain('BAD  matrix token: the homeserver rejects the access token');
  expect(printed).toContain('Nothing was written.');
  expect(await readdir(directory)).toEqual([]);
});

test('a person fixes the room and tries again', async () => {
  const closed = world.homeserver.createRoom({ creator: 'ann', alias: 'closed' });
  const person = new Person([['try again', () => (world.homeserver.invite('bell', closed), person.input.write('\r'))]]);
  const flags = { ...matrixFlags(), room: '#closed:fake.test', admin: '@ann:fake.test' };
  expect(await ask(person, { ...flags, set: [...(flags.set ?? [])] })).toBe(0);
  expect(person.screen).toContain('BAD  matrix room #closed:fake.test: not a member: invite @bell:fake.test there');
  expect(person.screen).toContain('ok   matrix room #closed:fake.test: invited');
});

test('a person corrects one answer and keeps the others, including the secret', async () => {
  const person = new Person([
    ['try again', 'c'],
    ['Homeserver address [', ''],
    ['Enter keeps the current one', ''],
    ['Room for alerts [#none:fake.test]', 'ops'],
    ['an address looks like', '#ops:fake.test'],
    ['Your own Matrix account', ''],
  ]);
  expect(await ask(person, { ...matrixFlags(), room: '#none:fake.test', admin: '@ann:fake.test' })).toBe(0);
  expect(await readFile(config, 'utf8')).toContain("matrix: '#ops:fake.test'");
  expect(await readFile(join(secrets, 'matrix-token'), 'utf8')).toBe('bot-token\n');
});

test('after a failed check a person may write the files anyway, or quit', async () => {
  const flags = { ...matrixFlags(), room: '#none:fake.test', admin: '@ann:fake.test' };
  expect(await ask(new Person([['try again', 'q']]), flags)).toBe(1);
  expect(await readdir(directory)).toEqual([]);
  expect(await ask(new Person([['try again', 'w']]), flags)).toBe(0);
  expect(await checked()).toMatchObject({ status: 0 });
});

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s stops without writing anything', async (_, key) => {
  const person = new Person([['Homeserver address', () => person.input.write(key)]]);
  expect(await ask(person, { platform: 'matrix' })).toBe(1);
  expect(person.screen).toContain('Stopped. Nothing was written.');
  expect(await readdir(directory)).toEqual([]);
});

test('an existing configuration is replaced only on request', async () => {
  await writeFile(config, 'name: mine\n');
  await expect(script(matrixFlags())).rejects.toThrow(/watchbell.yaml exists: --overwrite replaces it/);
  expect(await ask(new Person([['Replace it? [y/N]', '']]), matrixFlags())).toBe(1);
  expect(await readFile(config, 'utf8')).toBe('name: mine\n');
  expect(await script({ ...matrixFlags(), overwrite: true })).toMatchObject({ status: 0 });
  expect(await checked()).toMatchObject({ status: 0 });
});

test('existing secrets are used, and rejected if a flag has a different value', async () => {
  await mkdir(secrets);
  await writeFile(join(secrets, 'matrix-token'), 'bot-token\n');
  await writeFile(join(secrets, 'alerts-token'), 'in-use-by-alertmanager\n');
  const flags = { ...matrixFlags(), set: [`homeserver=${world.homeserver.url}`] };
  expect(await script(flags)).toMatchObject({ status: 0 });
  expect(await readFile(join(secrets, 'alerts-token'), 'utf8')).toBe('in-use-by-alertmanager\n');
  await rm(config);
  await expect(script({ ...flags, set: [...flags.set, 'token=another'] })).rejects.toThrow(
    /matrix-token already has a different value/,
  );
  expect(await exists(config)).toBe(false);
});

test('if a file cannot be written, the output lists the files that were', async () => {
  const file = join(directory, 'not-a-directory');
  await writeFile(file, '');
  const { status, printed } = await script({ ...matrixFlags(), config: join(file, 'watchbell.yaml') });
  expect(status).toBe(1);
  expect(printed).toContain(`Could not write ${file}/watchbell.yaml`);
  expect(printed).toContain(`Written: ${secrets}/matrix-token, ${secrets}/alerts-token.`);
  expect((await readdir(secrets)).sort()).toEqual(['alerts-token', 'matrix-token']);
});

test('Slack: its tokens are tested and stored, and --print-manifest prints only the manifest', async () => {
  const bot = await createSlackWorld('socket');
  try {
    const flags = {
      platform: 'slack',
      set: [
        `botToken=${bot.slack.botToken}`,
        `appToken=${bot.slack.appToken}`,
        'joinNewChannels=true',
        `apiUrl=${bot.slack.apiUrl}`,
      ],
      room: bot.room,
    };
    const { status, printed } = await script(flags);
    expect({ status, printed }).toMatchObject({ status: 0, printed: expect.stringContaining('opens Socket Mode') });
    expect(await readFile(config, 'utf8')).toContain('joinNewChannels: true');
    expect(await readFile(join(secrets, 'slack-app-token'), 'utf8')).toBe(`${bot.slack.appToken}\n`);
  } finally {
    await bot.close();
  }
  expect((await script({ platform: 'slack', printManifest: 'alerts' })).printed).toBe(
    slack.setup?.manifest?.('alerts'),
  );
  await expect(script({ platform: 'matrix', printManifest: 'alerts' })).rejects.toThrow('Matrix needs no manifest');
});

test.each(PLATFORMS_WITH_SLACK.flatMap(({ type, options, setup }) => (setup ? [{ type, options, setup }] : [])))(
  'the questions of $type refer to existing options',
  ({ options, setup }) => {
    for (const { option } of setup.questions) expect(Object.keys(options.shape)).toContain(option);
  },
);
