import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../harness/postgres.ts';

const run = promisify(execFile);
const VENV = join(import.meta.dirname, '../../.cache/synapse');

export interface SynapseUser {
  readonly id: string;
  readonly token: string;
  readonly deviceId: string;
  readonly password: string;
}

type JsonMap = { [key: string]: unknown };

/** A real homeserver on this machine, with SQLite in a temporary directory. */
export interface Synapse {
  readonly url: string;
  readonly serverName: string;
  addUser(name: string, displayName?: string): Promise<SynapseUser>;
  /** Makes a request as this user; throws with status and errcode unless the response is 2xx. */
  request(user: SynapseUser, method: string, path: string, body?: JsonMap): Promise<JsonMap>;
  /** Creates a room with an alias, in which all members have joined; resolves to its id. */
  createRoom(creator: SynapseUser, alias: string, members: readonly SynapseUser[], more?: JsonMap): Promise<string>;
  say(user: SynapseUser, room: string, text: string, extra?: JsonMap): Promise<string>;
  /** Stops the server until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

/** Why Synapse is not available here, or undefined. Installs it the first time (about 40 s) into `.cache/`. */
export async function synapseMissing(): Promise<string | undefined> {
  if (existsSync(join(VENV, 'ready'))) return undefined;
  try {
    await rm(VENV, { recursive: true, force: true });
    await mkdir(join(VENV, '..'), { recursive: true });
    await run('python3', ['-m', 'venv', VENV]);
    await run(join(VENV, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', 'matrix-synapse'], {
      timeout: 600_000,
    });
    await writeFile(join(VENV, 'ready'), '');
    return undefined;
  } catch (error) {
    return `Synapse could not be installed with python3 -m venv and pip: ${String(error).slice(0, 500)}`;
  }
}

/** `limits: 'default'` keeps Synapse's own rate limits on messages (0.2 a second, 10 at once); otherwise there are none. */
export async function startSynapse({ limits = 'none' }: { limits?: 'none' | 'default' } = {}): Promise<Synapse> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-synapse-'));
  const port = await freePort();
  const secret = randomUUID();
  const python = join(VENV, 'bin/python');
  const config = join(directory, 'homeserver.yaml');
  await run(
    python,
    [
      '-m',
      'synapse.app.homeserver',
      '--generate-config',
      '--report-stats=no',
      '-H',
      'real.test',
      '-c',
      config,
      '--data-directory',
      directory,
    ],
    { cwd: directory },
  );
  await writeFile(config, `${await readFile(config, 'utf8')}\n${settings(directory, port, secret, limits)}`);
  const url = `http://127.0.0.1:${port}`;
  let child = await launch(python, config, directory, url);
  const down = async (): Promise<void> => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  };
  const request: Synapse['request'] = async (user, method, path, body) =>
    await call(url, method, path, user.token, body);
  return {
    url,
    serverName: 'real.test',
    request,
    addUser: (name, displayName) => register(url, secret, name, displayName),
    async createRoom(creator, alias, members, more = {}) {
      const { room_id: room } = await request(creator, 'POST', '/_matrix/client/v3/createRoom', {
        preset: 'private_chat',
        room_alias_name: alias,
        invite: members.map(({ id }) => id),
        ...more,
      });
      for (const member of members)
        await request(member, 'POST', `/_matrix/client/v3/join/${encodeURIComponent(String(room))}`, {});
      return String(room);
    },
    async say(user, room, text, extra = {}) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}`;
      return String((await request(user, 'PUT', path, { msgtype: 'm.text', body: text, ...extra }))['event_id']);
    },
    down,
    async up() {
      child = await launch(python, config, directory, url);
    },
    async stop() {
      await down();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function settings(directory: string, port: number, secret: string, limits: 'none' | 'default'): string {
  const free = '{ per_second: 10000, burst_count: 10000 }';
  const messages = limits === 'none' ? [`rc_message: ${free}`] : [];
  return [
    `listeners: [{ port: ${port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{ names: [client] }] }]`,
    `registration_shared_secret: ${secret}`,
    `database: { name: sqlite3, args: { database: ${join(directory, 'homeserver.db')} } }`,
    'trusted_key_servers: []',
    'bcrypt_rounds: 4',
    ...messages,
    `rc_registration: ${free}`,
    `rc_login: { address: ${free}, account: ${free}, failed_attempts: ${free} }`,
    `rc_joins: { local: ${free}, remote: ${free} }`,
    `rc_joins_per_room: ${free}`,
    `rc_room_creation: ${free}`,
    `rc_invites: { per_room: ${free}, per_user: ${free}, per_issuer: ${free} }`,
  ].join('\n');
}

async function launch(python: string, config: string, directory: string, url: string): Promise<ChildProcess> {
  const child = spawn(python, ['-m', 'synapse.app.homeserver', '-c', config], { cwd: directory, stdio: 'ignore' });
  let ended = false;
  child.once('exit', () => (ended = true));
  const stop = (): void => void child.kill('SIGKILL');
  process.once('exit', stop);
  child.once('exit', () => process.off('exit', stop));
  for (const deadline = Date.now() + 60_000; Date.now() < deadline && !ended;) {
    const answered = await fetch(`${url}/_matrix/client/versions`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Synapse did not start; see ${directory}/homeserver.log`);
}

async function register(
  url: string,
  secret: string,
  name: string,
  displayName: string | undefined,
): Promise<SynapseUser> {
  const { nonce } = await call(url, 'GET', '/_synapse/admin/v1/register');
  const password = randomUUID();
  const mac = createHmac('sha1', secret)
    .update([String(nonce), name, password, 'notadmin'].join('\0'))
    .digest('hex');
  await call(url, 'POST', '/_synapse/admin/v1/register', undefined, {
    nonce,
    username: name,
    password,
    admin: false,
    mac,
    ...(displayName ? { displayname: displayName } : {}),
  });
  const answer = await call(url, 'POST', '/_matrix/client/v3/login', undefined, {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: name },
    password,
  });
  return {
    id: String(answer['user_id']),
    token: String(answer['access_token']),
    deviceId: String(answer['device_id']),
    password,
  };
}

async function call(url: string, method: string, path: string, token?: string, body?: JsonMap): Promise<JsonMap> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), 'Content-Type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = (await response.json()) as JsonMap;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
