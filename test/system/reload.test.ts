import { mkdtemp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/schema.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { runCli } from '../harness/cli.ts';
import { Line } from '../harness/line.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

const probe = defineSkill({
  name: 'probe',
  options: z.object({ word: z.string().default('pong'), room: z.string().optional() }),
  rooms: ({ room }) => (room === undefined ? undefined : [room]),
  commands: {
    ping: { help: 'answers', run: ({ options }) => options.word },
    'tell {room} {text...}': { help: 'posts in another room', run: ({ args, say }) => say(args.room, args.text) },
  },
});
const rival = defineSkill({ name: 'rival', commands: { echo: { help: 'echoes', run: () => 'echo' } } });

describe('a running bot', () => {
  let bot: TestBot;
  beforeEach(async () => {
    bot = await startTestBot({ skills: [probe, rival] });
  });
  afterEach(() => bot.stop());

  const reload = (change: Partial<Config>): Promise<void> =>
    bot.app.reload({ ...bot.app.config, ...change }, bot.app.registry.generation + 1);
  const epoch = async (): Promise<number | undefined> =>
    (await bot.query<{ epoch: number }>(`select epoch from leases where name = 'connector:memory'`))[0]?.epoch;

  test('a changed option of a skill applies from the next command, and the connector is not restarted', async () => {
    expect(await bot.say('ping')).toEqual(['pong']);
    const before = await epoch();
    await reload({ skills: { ...bot.app.config.skills, probe: { word: 'changed' } } });
    expect(await bot.say('ping')).toEqual(['changed']);
    expect(await epoch()).toBe(before);
  });

  test('the bot listens and posts in a new room, and ignores a removed one', async () => {
    expect(await bot.say('ping', { room: 'annex' })).toEqual([]);
    await reload({ rooms: { ...bot.app.config.rooms, annex: { in: { memory: ['annex'] } } } });
    expect(await bot.say('ping', { room: 'annex' })).toEqual(['pong']);
    await bot.say('tell annex hello');
    expect(bot.texts('annex')).toEqual(['pong', 'hello']);
    const { lobby } = bot.app.config.rooms;
    await reload({ rooms: lobby ? { lobby } : {} });
    expect(await bot.say('ping', { room: 'annex' })).toEqual([]);
    expect(await bot.say('ping')).toEqual(['pong']);
  });

  test('a skill listens in the rooms of its changed options', async () => {
    await reload({
      rooms: { ...bot.app.config.rooms, annex: { in: { memory: ['annex'] } } },
      skills: { ...bot.app.config.skills, probe: { word: 'pong', room: 'annex' } },
    });
    expect(await bot.say('ping')).toEqual(['`probe` does not listen in this room, only in annex.']);
    expect(await bot.say('ping', { room: 'annex' })).toEqual(['pong']);
    // People who may not list the rooms are not told.
    await reload({
      access: [
        { deny: ['everyone'], commands: ['rooms'] },
        { allow: ['everyone'], commands: ['ping'] },
      ],
    });
    expect(await bot.say('ping')).toEqual([]);
    expect(await bot.say('ping', { room: 'annex' })).toEqual(['pong']);
  });

  test('a skill can be turned off and on again', async () => {
    const { rival: options, ...others } = bot.app.config.skills;
    await reload({ skills: others });
    expect(await bot.say('echo')).toEqual([]);
    await reload({ skills: { ...others, rival: options } });
    expect(await bot.say('echo')).toEqual(['echo']);
  });

  test('changed access rules apply', async () => {
    await reload({ access: [{ deny: ['everyone'], commands: ['ping'], reason: 'not today' }] });
    expect(await bot.say('ping')).toEqual(['Not allowed: not today']);
  });

  test('a connector with a changed entry is restarted, and no message is lost meanwhile', async () => {
    await bot.say('ping');
    const before = (await epoch()) ?? 0;
    const { memory } = bot.app.config.connectors;
    if (!memory) throw new Error('no connector');
    const reloading = reload({ connectors: { memory: { ...memory, opsRoom: 'lobby' } as typeof memory } });
    expect(await bot.say('ping')).toEqual(['pong']);
    await reloading;
    expect(await bot.say('ping')).toEqual(['pong']);
    expect(await epoch()).toBe(before + 1);
  });

  test('a removed connector stops, and its lease is released', async () => {
    await reload({ connectors: {} });
    expect(bot.app.parts()).not.toHaveProperty('memory');
    expect(
      await bot.query(`select 1 from leases where name = 'connector:memory' and expires_at > clock_timestamp()`),
    ).toEqual([]);
  });
});

describe('the program and its file', () => {
  let directory: string;
  let database: TestDatabase;
  let bell: ProgramProcess;
  const file = (): string => join(directory, 'watchbell.yaml');
  const configuration = (...sources: string[]): object => ({
    connectors: { web: {} },
    rooms: { ops: { in: { web: 'ops' } } },
    timeIntervals: { office: {} },
    skills: {
      alerts: {
        sources: Object.fromEntries(sources.map((source) => [source, { tokens: [{ file: 'token' }] }])),
        route: { rooms: ['ops'] },
      },
    },
  });
  /** Replaces the file atomically, as editors and ConfigMaps do. */
  async function write(text: string, to = file()): Promise<void> {
    await writeFile(`${to}.new`, text);
    await rename(`${to}.new`, to);
  }
  const status = async (source: string, url = bell.url): Promise<number> =>
    (
      await fetch(`${url}/webhooks/alertmanager/${source}`, {
        method: 'POST',
        headers: { authorization: 'Bearer secret' },
        body: JSON.stringify({ version: '4', alerts: [] }),
      })
    ).status;
  const reloadOk = async (): Promise<string | undefined> =>
    /^watchbell_config_last_reload_successful (\d)$/m.exec(await (await fetch(`${bell.opsUrl}/metrics`)).text())?.[1];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'watchbell-reload-'));
    await mkdir(join(directory, 'secrets'));
    await writeFile(join(directory, 'secrets', 'token'), 'secret\n');
    await writeFile(file(), JSON.stringify(configuration('default', 'one')));
    database = await createDatabase();
    bell = new ProgramProcess({
      config: file(),
      secrets: join(directory, 'secrets'),
      databaseUrl: database.url,
      port: await freePort(),
      opsPort: await freePort(),
      logFile: join(directory, 'log'),
    });
    await bell.start();
  });
  afterAll(async () => {
    await bell.stop();
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  });

  const warnings = async (): Promise<number> =>
    (await readFile(join(directory, 'log'), 'utf8')).match(/timeIntervals: has no effect in this release/g)?.length ??
    0;

  test('a valid change is applied at runtime, an invalid one is only reported', async () => {
    expect([await status('one'), await status('two')]).toEqual([200, 503]);
    expect(await warnings()).toBe(1);
    await write(JSON.stringify(configuration('default', 'two')));
    await until(async () => (await status('two')) === 200);
    expect(await status('one')).toBe(503);
    expect(await reloadOk()).toBe('1');
    await until(async () => (await warnings()) === 2);

    await write(JSON.stringify({ ...configuration('default', 'three'), rooms: { other: { in: { web: 'other' } } } }));
    await until(async () => (await reloadOk()) === '0');
    expect([await status('two'), await status('three')]).toEqual([200, 503]);

    await write('{ not: [yaml');
    await write(JSON.stringify(configuration('default', 'three')));
    await until(async () => (await status('three')) === 200);
    await until(async () => (await reloadOk()) === '1');
    expect(bell.failures).toEqual([]);
  });

  test('started with an invalid file while the database is down, it waits, and then runs with the last good one', async () => {
    const line = new Line(database.url, await freePort());
    const wrong = join(directory, 'wrong.yaml');
    await writeFile(wrong, 'rooms: { ops: { in: { webb: ops } } }');
    const url = new URL(database.url);
    url.port = String(line.port);
    const later = new ProgramProcess({
      config: wrong,
      secrets: join(directory, 'secrets'),
      databaseUrl: url.href,
      port: await freePort(),
      opsPort: await freePort(),
      logFile: join(directory, 'later'),
    });
    const logText = (): Promise<string> => readFile(join(directory, 'later'), 'utf8').catch(() => '');
    const starting = later.start();
    try {
      await until(async () => !later.isAlive || (await logText()).includes('does not answer yet; waiting'));
      expect(await logText()).toContain('no connector is called \\"webb\\"');
      await line.mend();
      await starting;
      expect(later.failures).toEqual([]);
      expect(await logText()).toContain('running with the last good one');
    } finally {
      await later.stop();
      await line.cut();
    }
  });

  test.each([
    ['names a database that does not answer', { database: { url: { file: 'database-uri' } } }],
    [
      'is invalid, while the database does not answer',
      { database: { url: { file: 'database-uri' } }, rooms: { ops: { in: { webb: 'ops' } } } },
    ],
  ])('a file that %s can be fixed while the bot waits, and the bot uses it', async (_, mistake) => {
    const gone = new URL(database.url);
    gone.port = String(await freePort());
    const own = await mkdtemp(join(directory, 'waits-'));
    const [config, secrets, log] = [join(own, 'watchbell.yaml'), join(own, 'secrets'), join(own, 'log')];
    await mkdir(secrets);
    for (const [name, secret] of Object.entries({ token: 'secret', here: database.url, 'database-uri': gone.href }))
      await writeFile(join(secrets, name), secret);
    const fixed = { ...configuration('fixed'), database: { url: { file: 'here' } } };
    await write(JSON.stringify({ ...fixed, ...mistake }), config);
    const [port, opsPort] = [await freePort(), await freePort()];
    const waiting = new ProgramProcess({ config, secrets, databaseUrl: '', port, opsPort, logFile: log });
    const waited = async (times: number): Promise<boolean> => {
      const logText = await readFile(log, 'utf8').catch(() => '');
      return (logText.match(/does not answer yet; waiting|changed configuration is invalid/g)?.length ?? 0) >= times;
    };
    const starting = waiting.start();
    try {
      await until(async () => !waiting.isAlive || (await waited(1)));
      // It survives another mistake.
      await write('{ not: [yaml', config);
      await until(async () => !waiting.isAlive || (await waited(2)));
      await write(JSON.stringify(fixed), config);
      await until(() => waiting.isReady || !waiting.isAlive);
      expect(waiting.failures).toEqual([]);
      expect(await status('fixed', waiting.url)).toBe(200);
    } finally {
      await waiting.kill();
      await starting;
    }
  });

  test('a start with an invalid file finds the last good one in the database that the file names', async () => {
    const own = await mkdtemp(join(directory, 'named-'));
    const [config, log] = [join(own, 'watchbell.yaml'), join(own, 'log')];
    await writeFile(join(own, 'here'), database.url);
    const wrong = { database: { url: { file: 'here' } }, rooms: { ops: { in: { webb: 'ops' } } } };
    await writeFile(config, JSON.stringify({ ...configuration('default', 'one'), ...wrong }));
    const [port, opsPort] = [await freePort(), await freePort()];
    const named = new ProgramProcess({ config, secrets: own, databaseUrl: '', port, opsPort, logFile: log });
    try {
      await named.start();
      expect(named.failures).toEqual([]);
      expect(await readFile(log, 'utf8')).toContain('running with the last good one');
    } finally {
      await named.kill();
    }
  });

  test('a first start with an invalid file fails and reports the problem', async () => {
    const empty = await createDatabase();
    const wrong = join(directory, 'wrong.yaml');
    await writeFile(wrong, 'rooms: { ops: { in: { webb: ops } } }');
    try {
      expect(await runCli(['run'], { config: wrong, secrets: directory, databaseUrl: empty.url })).toEqual({
        status: 2,
        output: expect.stringContaining('no connector is called "webb"'),
      });
    } finally {
      await empty.drop();
    }
  });
});
