import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../harness/postgres.ts';
import { signIn } from '../harness/web-session.ts';

const BIN = join(import.meta.dirname, '../../bin/watchbell.js');
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-trial-'));
  await chmod(directory, 0o755);
});
const trials: { readonly child: ChildProcess; readonly exited: Promise<number | null> }[] = [];
afterAll(async () => {
  for (const { child } of trials) child.kill('SIGTERM');
  await Promise.all(trials.map(({ exited }) => exited));
  await rm(directory, { recursive: true, force: true });
});

/** A trial as run by `npm start`; resolves when it has printed what to do, or has exited. */
async function startTrial(): Promise<{ child: ChildProcess; output: () => string; exited: Promise<number | null> }> {
  const env = { PATH: process.env['PATH'], PORT: String(await freePort()), OPS_PORT: String(await freePort()) };
  const child = spawn(process.execPath, [BIN, 'run', '--data', join(directory, 'data')], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  trials.push({ child, exited });
  await new Promise<void>((resolve) => {
    const hear = (text: Buffer): void => {
      output += text.toString();
      if (output.includes('type: demo alert')) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void exited.then(() => resolve());
  });
  return { child, output: () => output, exited };
}

/** Creates another sign-in link on the command line, and opens it. */
async function printAddress(): Promise<{ url: string; key: string }> {
  const { stdout } = await promisify(execFile)(process.execPath, [BIN, 'sign-in', '--data', join(directory, 'data')], {
    cwd: directory,
    env: { PATH: process.env['PATH'] },
  });
  return addressIn(stdout);
}

function addressIn(output: string): { url: string; key: string } {
  const [, url = '', key = ''] = /(http:\/\/127\.0\.0\.1:\d+)\/sign-in#([\w-]+)/.exec(output) ?? [];
  return { url, key };
}

const databaseUrl = async (): Promise<URL> =>
  new URL((await readFile(join(directory, 'data/database-url'), 'utf8')).trim());

/** Connects to the trial's Postgres; resolves to undefined, or the code of the error. */
async function connectAs(password: string, sql = 'select 1'): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: Object.assign(await databaseUrl(), { password }).href });
  try {
    await client.connect();
    await client.query(sql);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end();
  }
}

test('a trial starts its own Postgres, reuses it after kill -9, and stops it on SIGTERM', async () => {
  const first = await startTrial();
  expect(first.output()).toContain('Three things to do');
  const second = await startTrial();
  expect(await second.exited).toBe(2);
  expect(second.output()).toContain('is already using');

  const address = /http:\/\/127\.0\.0\.1:\d+\/webhooks\/alertmanager/.exec(first.output())?.[0] ?? '';
  const token = /Bearer ([\w-]+)/.exec(first.output())?.[1] ?? '';
  const body = JSON.stringify({
    version: '4',
    status: 'firing',
    receiver: 'x',
    groupKey: 'g',
    alerts: [{ status: 'firing', labels: { alertname: 'KeptAlert' }, startsAt: new Date().toISOString() }],
  });
  expect((await fetch(address, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } })).status).toBe(
    200,
  );
  // A superuser can run programs, so the password is specific to the directory, and only readable by its owner.
  const { password } = await databaseUrl();
  expect(await connectAs('watchbell')).toBe('28P01');
  expect(password).toMatch(/^[\w-]{32}$/);
  for (const file of ['postgres-password', 'database-url'])
    expect((await stat(join(directory, 'data', file))).mode & 0o777).toBe(0o600);
  // As left by a release with a fixed password.
  await connectAs(password, `alter user postgres password 'watchbell'`);
  await rm(join(directory, 'data/postgres-password'));
  first.child.kill('SIGKILL');
  await first.exited;

  const third = await startTrial();
  const { url, key } = addressIn(third.output());
  const cookie = await signIn(url, key);
  await expect(signIn(url, key)).rejects.toThrow('401');
  const printed = await printAddress();
  expect(printed.url).toBe(url);
  expect(
    (await fetch(`${url}/web/session`, { headers: { cookie: await signIn(printed.url, printed.key) } })).status,
  ).toBe(200);
  expect((await fetch(`${url}/web/session`)).status).toBe(401);
  const stream = await fetch(`${url}/web/rooms/lobby/stream`, { headers: { cookie } });
  const reader = stream.body?.getReader();
  let seen = '';
  while (!seen.includes('KeptAlert')) {
    const chunk = await reader?.read();
    if (!chunk || chunk.done) break;
    seen += new TextDecoder().decode(chunk.value as Uint8Array);
  }
  await reader?.cancel();
  expect(seen).toContain('KeptAlert');
  expect(await connectAs('watchbell')).toBe('28P01');
  expect(await connectAs((await databaseUrl()).password)).toBeUndefined();
  third.child.kill('SIGTERM');
  expect(await third.exited).toBe(0);
  expect(third.output()).not.toContain('error');
}, 60_000);
