import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';

const BIN = join(import.meta.dirname, '../../bin/watchbell.js');
let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let proxy: Server | undefined;
const lines = new Set<Socket>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-probe-'));
  await mkdir(join(directory, 'secrets'));
  await writeFile(join(directory, 'secrets/alerts-token'), 'a-token-for-the-test');
  database = await createDatabase();
});
afterEach(async () => {
  await bell.kill();
  for (const line of lines) line.destroy();
  lines.clear();
  proxy?.close();
  proxy = undefined;
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

async function configure(route: object, { file = 'watchbell.yaml', source = 'prod' } = {}): Promise<string> {
  const config = {
    connectors: { memory: {} },
    rooms: { ops: { in: { memory: 'ops' } } },
    skills: { alerts: { sources: { [source]: { tokens: [{ file: 'alerts-token' }] } }, route } },
  };
  const path = join(directory, file);
  await writeFile(path, JSON.stringify(config));
  return path;
}

async function createBell(databaseUrl: string): Promise<ProgramProcess> {
  return new ProgramProcess({
    config: join(directory, 'watchbell.yaml'),
    secrets: join(directory, 'secrets'),
    databaseUrl,
    port: await freePort(),
    opsPort: await freePort(),
  });
}

interface Probing {
  readonly done: Promise<{ status: number | null; output: string }>;
  /** Resolves once it has printed this text. */
  printed(text: string): Promise<void>;
}

function startProbe(args: readonly string[]): Probing {
  const child = spawn(process.execPath, [BIN, 'probe', ...args], {
    env: { PATH: process.env['PATH'], WATCHBELL_SECRETS: join(directory, 'secrets'), DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
      for (const look of looks) look();
    });
  return {
    done: new Promise((resolve) => child.once('close', (status) => resolve({ status, output }))),
    printed: (text) =>
      new Promise((resolve, reject) => {
        looks.add(() => output.includes(text) && resolve());
        child.once('close', () => reject(new Error(`it ended without "${text}": ${output}`)));
      }),
  };
}

function probe(...args: string[]): Probing['done'] {
  return startProbe(['--config', join(directory, 'watchbell.yaml'), ...args]).done;
}

test('a probe takes the complete path', async () => {
  await configure({ rooms: ['ops'] });
  bell = await createBell(database.url);
  await bell.start();
  const { status, output } = await probe('--url', bell.url);
  expect(output).toMatch(
    /accepted an alert for prod[\s\S]*shown in memory ops[\s\S]*acknowledged there[\s\S]*resolved there/,
  );
  expect(status).toBe(0);
});

test('a probe that is not shown fails with the reason, and so does one without a bot', async () => {
  await configure({ rooms: ['ops'], routes: [{ matchers: ['severity="info"'], drop: true }] });
  bell = await createBell(database.url);
  await bell.start();
  const dropped = await probe('--url', bell.url, '--timeout', '1s');
  expect(dropped).toEqual({ status: 1, output: expect.stringContaining('BAD') });
  const unheard = await probe('--url', `http://127.0.0.1:${await freePort()}`, '--timeout', '1s');
  expect(unheard).toEqual({ status: 1, output: expect.stringContaining('no bot answers') });
});

test('a probe started before the bot waits for it, and one with a changed configuration waits until the bot has it', async () => {
  await configure({ rooms: ['ops'] });
  bell = await createBell(database.url);
  const early = startProbe(['--config', join(directory, 'watchbell.yaml'), '--url', bell.url]);
  await early.printed('the database has no tables yet');
  await bell.start();
  const { status, output } = await early.done;
  expect(output).toContain('resolved there');
  expect(status).toBe(0);

  const changed = await configure({ rooms: ['ops'] }, { file: 'changed.yaml', source: 'next' });
  const late = startProbe(['--config', changed, '--url', bell.url]);
  await late.printed('has a different configuration');
  await configure({ rooms: ['ops'] }, { source: 'next' });
  expect(await late.done).toEqual({
    status: 0,
    output: expect.stringMatching(/accepted an alert for next[\s\S]*resolved there/),
  });
});

test('a bot started before its database waits for it, and stops at once on a signal', async () => {
  await configure({ rooms: ['ops'] });
  const { hostname, port } = new URL(database.url);
  const url = new URL(database.url);
  url.port = String(await freePort());
  bell = await createBell(url.href);
  const starting = bell.start();
  await answers(`${bell.opsUrl}/livez`);
  expect((await fetch(`${bell.opsUrl}/startupz`)).status).toBe(503);
  const refused = await fetch(`${bell.url}/webhooks/alertmanager/prod`, { method: 'POST', body: '{}' });
  expect(refused.status).toBe(503);
  await bell.stop();
  expect(bell.failures).toEqual([]);

  const again = bell.start();
  await answers(`${bell.opsUrl}/livez`);
  proxy = createServer((socket) => {
    const there = connect(Number(port), hostname);
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ] as const) {
      lines.add(one.pipe(other));
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy?.listen(Number(url.port), '127.0.0.1', resolve));
  await Promise.all([starting, again]);
  expect((await fetch(`${bell.opsUrl}/readyz`)).status).toBe(200);
  await bell.kill();
});

async function answers(url: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; ;) {
    if (
      await fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    if (Date.now() > deadline) throw new Error(`${url} never answers`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
