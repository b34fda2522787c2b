import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { createDatabase as openDatabase, type Database } from '../../src/db/database.ts';
import { runCli, type CliResult } from '../harness/cli.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';

let directory: string;
let home: TestDatabase;
let database: Database;
const watchbell = (args: readonly string[], databaseUrl = home.url): Promise<CliResult> =>
  runCli(args, { config: join(directory, 'watchbell.yaml'), secrets: join(directory, 'secrets'), databaseUrl });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-cli-'));
  await writeFile(
    join(directory, 'watchbell.yaml'),
    'connectors: { web: {} }\nrooms: { ops: { in: { web: ops } } }\nskills: { alerts: false }\n',
  );
  home = await createDatabase();
  database = openDatabase({
    url: async () => ({ connectionString: home.url }),
    poolSize: 1,
    idleInTransactionMs: 30_000,
    statementTimeoutMs: 30_000,
  });
  await watchbell(['migrate']);
});
afterAll(async () => {
  await database.close();
  await home.drop();
  await rm(directory, { recursive: true, force: true });
});

const message = (state: string, more: { agoSeconds?: number; inSeconds?: number } = {}): Promise<object[]> =>
  database.query(
    `insert into messages (id, connector, room, skill, queue, content, state, wanted_at, not_before)
     values ($1, 'web', 'ops', 'core', 1, '{}', $2, now() - $3 * interval '1 second', now() + $4 * interval '1 second')`,
    [randomUUID(), state, more.agoSeconds ?? 0, more.inSeconds ?? null],
  );

describe('doctor', () => {
  /** Except durability: the server of these tests need not survive a crash. */
  const badOf = (output: string): string[] =>
    output.split('\n').filter((line) => line.startsWith('BAD') && !line.startsWith('BAD  durability'));

  test('reports no problems when nothing failed and nothing waits, except messages due later', async () => {
    await message('live', { agoSeconds: 3600, inSeconds: 3600 });
    const { output } = await watchbell(['doctor']);
    for (const line of [
      'ok   configuration: no warnings',
      'ok   events: none failed',
      'ok   dead letters: none',
      'ok   messages: none has waited longer than 5 min',
    ])
      expect(output.split('\n')).toContain(line);
    expect(badOf(output)).toEqual([]);
  });

  test('reports failed events, dead letters, waiting messages and keys without effect, each with the remedy', async () => {
    await database.query(
      `insert into events (source, source_id, kind, state, happened_at, handled_at) values ('webhook', '1', 'webhook', 'failed', now(), now() - interval '10 min')`,
    );
    await message('dead');
    await message('dead');
    await message('live', { agoSeconds: 720 });
    const path = join(directory, 'paging.yaml');
    await writeFile(
      path,
      'connectors: { web: {} }\nrooms: { ops: { in: { web: ops } } }\ntimeIntervals: { office: {} }\n',
    );
    const { status, output } = await runCli(['doctor'], { config: path, secrets: directory, databaseUrl: home.url });
    expect(badOf(output)).toEqual([
      `BAD  configuration: ${path}:3:1 timeIntervals: has no effect in this release: only layers of schedules use them; routes apply at all hours`,
      'BAD  events: 1 failed, the last one 10 min ago, and is kept; `watchbell events failed` says why, `watchbell events replay all` tries again',
      'BAD  dead letters: 2 for web; `watchbell messages dead` says why, `watchbell messages replay all` sends them',
      'BAD  messages: the oldest of 2 for web waits for 12 min; see web below, and check whether the bot is running',
    ]);
    expect(output).toMatch(/ of \d+ checks need attention\.$/);
    expect(status).toBe(1);
  });

  test('reports each unusable secret with its path and without its value', async () => {
    const secrets = join(directory, 'bad-secrets');
    await mkdir(secrets);
    await writeFile(join(secrets, 'two-lines'), 'hunter2-hunter2-old\nhunter2-hunter2-new\n');
    await writeFile(join(secrets, 'good'), 'a-token-of-some-length');
    await writeFile(join(secrets, 'short'), 'guessable');
    const path = join(directory, 'secrets.yaml');
    await writeFile(
      path,
      `connectors: { web: { password: { file: two-lines } } }
rooms: { ops: { in: { web: ops } } }
skills: { alerts: { sources: { prod: { tokens: [{ file: good }, { file: two-lines }, { file: none }] } }, route: { rooms: [ops] } } }
api: { tokens: { ci: { token: [{ file: good }, { file: short }] } } }
`,
    );
    const { output } = await runCli(['doctor'], { config: path, secrets, databaseUrl: home.url });
    const remedy = 'has more than one line (character 20): write the secret alone, on one line of UTF-8';
    expect(badOf(output).filter((line) => line.includes('secret'))).toEqual([
      `BAD  webhook alertmanager/prod: the secret file ${secrets}/two-lines ${remedy}`,
      `BAD  webhook alertmanager/prod: there is no secret file ${secrets}/none: create it, or set WATCHBELL_SECRETS to its directory`,
      `BAD  web.password: the secret file ${secrets}/two-lines ${remedy}`,
    ]);
    expect(output).toContain('ok   webhook alertmanager/prod: its token can be read');
    expect(output).toContain('ok   API token ci: its token can be read');
    expect(output).toContain('BAD  API token ci: its token has only 9 characters');
    expect(output).not.toContain('hunter2');
    await Promise.all([secrets, path].map((created) => rm(created, { recursive: true })));
  });
});

describe('without a command', () => {
  test('the bot runs with the given options', async () => {
    const none = { config: join(directory, 'none.yaml'), secrets: directory, databaseUrl: home.url };
    for (const args of [[], ['--data', directory]])
      expect(await runCli(args, none)).toEqual({
        status: 2,
        output: expect.stringContaining('none.yaml: there is no'),
      });
  });

  test.each([
    [['chekc', 'file'], `'chekc'; did you mean "check"?`],
    [['backupp', '--to', 'x'], `'backupp'; did you mean "backup"?`],
    [['--config', 'x', 'backupp', '--help'], `'backupp'; did you mean "backup"?`],
    [['help', 'nope'], "'nope'; `watchbell help` lists them"],
    [['help', 'events', 'faild'], `'faild'; did you mean "failed"?`],
  ])('%j is rejected for the unknown command', async (args, message) => {
    const environment = { secrets: directory, databaseUrl: home.url };
    expect(await runCli(args, environment)).toEqual({ status: 2, output: `error: no command is called ${message}` });
  });

  test('help shows how to use a command or subcommand', async () => {
    const environment = { secrets: directory, databaseUrl: home.url };
    for (const [args, message] of [
      [['help'], 'Usage: watchbell [options] [command]'],
      [['help', 'backup'], 'Usage: watchbell backup [options]'],
      [['help', 'events', 'failed'], 'Usage: watchbell events failed [options]'],
    ] as const)
      expect(await runCli(args, environment)).toEqual({ status: 0, output: expect.stringContaining(message) });
  });

  test.each(['events', 'messages', 'import', 'audit'])(
    '%s alone lists its commands and does nothing',
    async (group) => {
      const output = expect.stringMatching(`^Usage: watchbell ${group}`) as string;
      const environment = { secrets: directory, databaseUrl: home.url };
      expect(await runCli([group, '--help'], environment)).toEqual({ status: 0, output });
      expect(await runCli([group], environment)).toEqual({ status: 2, output });
    },
  );
});

describe('a database that cannot be reached', () => {
  test.each([
    ['events', 'failed'],
    ['migrate'],
    ['recover'],
    ['audit', 'export'],
    ['messages', 'dead'],
    ['say', 'ops', 'x'],
  ])('is reported by %s %s, with the remedy', async (...args) => {
    const port = await freePort();
    expect(await watchbell(args, `postgres://bell:hush@127.0.0.1:${port}/bell`)).toEqual({
      status: 2,
      output: `watchbell: the database at 127.0.0.1:${port} cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}; check database.url in the configuration, and whether the server is running`,
    });
  });

  test('because the database does not exist is reported in one sentence', async () => {
    const url = new URL(home.url);
    url.pathname = '/nowhere';
    expect(await watchbell(['events', 'failed'], url.href)).toEqual({
      status: 2,
      output: expect.stringMatching(
        /^watchbell: the database at 127\.0\.0\.1:\d+ cannot be reached: .*"nowhere".*; check database\.url/,
      ),
    });
  });

  test.each([['run'], ['events', 'failed'], ['doctor']])(
    'because its address is invalid stops %s %s at once, without showing the address',
    async (...args) => {
      const { status, output } = await watchbell(args, 'hush-no-address');
      expect(output).toContain(
        'the variable DATABASE_URL is not a database address: write postgres://USER:PASSWORD@HOST:5432/NAME there',
      );
      expect(output).not.toContain('hush');
      expect(status).toBe(args[0] === 'doctor' ? 1 : 2);
    },
  );
});

test('an unusable database is rejected by run and migrate and reported by doctor, before anything is created in it', async () => {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await database.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
  const url = Object.assign(new URL(home.url), { pathname: name }).href;
  const [run, migrate, doctor] = await Promise.all(
    ['run', 'migrate', 'doctor'].map((command) => watchbell([command], url)),
  );
  const message = `the database ${name} is in LATIN1, which cannot store most languages: create one in UTF-8 (createdb --encoding UTF8`;
  for (const result of [run, migrate])
    expect(result).toEqual({
      status: 2,
      output: expect.stringContaining(`watchbell: this database cannot be used: ${message}`),
    });
  expect(doctor?.output).toContain(`BAD  encoding: ${message}`);
  expect(doctor?.output).toContain('BAD  schema: missing; run');
  await database.query(`drop database ${name} with (force)`);
});

test('a wrong option or file is rejected before anything is done', async () => {
  expect(await watchbell(['alert', '--severity', 'bogus'])).toMatchObject({
    status: 2,
    output: expect.stringContaining('Allowed choices are critical, warning, info'),
  });
  expect(await runCli(['skills'], { config: join(directory, 'none.yaml'), secrets: '', databaseUrl: '' })).toEqual({
    status: 2,
    output: expect.stringContaining('none.yaml: there is no such file'),
  });
});

test('a backup into a directory that cannot be created fails with one sentence', async () => {
  expect(await watchbell(['backup', '--to', '/proc/nope/backups'])).toEqual({
    status: 2,
    output: expect.stringMatching(/^watchbell: the backup cannot be written to \/proc\/nope\/backups: E[A-Z]+/),
  });
  const to = join(directory, 'secrets', 'deep', 'backups');
  expect(await watchbell(['backup', '--to', to])).toMatchObject({ status: 0 });
  await rm(join(directory, 'secrets'), { recursive: true });
});

test('a backup into a file fails with one sentence and leaves nothing behind', async () => {
  const to = join(directory, 'watchbell.yaml', 'x');
  expect(await watchbell(['backup', '--to', to])).toEqual({
    status: 2,
    output: expect.stringMatching(
      new RegExp(
        `^watchbell: the backup cannot be written to ${to}: ENOTDIR.*; choose a writable directory with enough space$`,
      ),
    ) as string,
  });
  expect((await readdir(directory)).sort()).toEqual(['paging.yaml', 'watchbell.yaml']);
});
