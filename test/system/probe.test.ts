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

async function configure(route: object): Promise<void> {
  const config = {
    connectors: { memory: {} },
    rooms: { ops: { in: { memory: 'ops' } } },
    skills: { alerts: { sources: { prod: { tokens: [{ file: 'alerts-token' }] } }, route } },
  };
  await writeFile(join(directory, 'watchbell.yaml'), JSON.stringify(config));
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

function probe(...args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(process.execPath, [BIN, 'probe', '--config', join(directory, 'watchbell.yaml'), ...args], {
    env: { PATH: process.env['PATH'], WATCHBELL_SECRETS: join(directory, 'secrets'), DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, output })));
}

test('a probe goes the whole way', async () => {
  await configure({ rooms: ['ops'] });
  bell = await createBell(database.url);
  await bell.start();
  const { status, output } = await probe('--url', bell.url);
  expect(output).toMatch(
    /took an alert for prod[\s\S]*shown in memory ops[\s\S]*acknowledged there[\s\S]*resolved there/,
  );
  expect(status).toBe(0);
});

test('a probe that is shown nowhere fails with the reason, and so does one that nobody takes', async () => {
  await configure({ rooms: ['ops'], routes: [{ matchers: ['severity="info"'], drop: true }] });
  bell = await createBell(database.url);
  await bell.start();
  const dropped = await probe('--url', bell.url, '--timeout', '1s');
  expect(dropped).toEqual({ status: 1, output: expect.stringContaining('BAD') });
  const unheard = await probe('--url', `http://127.0.0.1:${await freePort()}`);
  expect(unheard).toEqual({ status: 1, output: expect.stringContaining('no bot answers') });
});

test('a bot that is started before its database waits for it, and ends at once when told to', async () => {
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
