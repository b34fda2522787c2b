import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RemoteHomeserver } from '../../test/fakes/matrix/remote.ts';
import { freePort } from '../../test/harness/postgres.ts';
import type { Load, LoadOrder, LoadResult } from './load.ts';
import { processorSeconds } from './machine.ts';
import { Program } from './program.ts';

export const TOKEN = 'bench-token-bench-token';
export const ANN = '@ann:fake.test';

export interface WorldSetting {
  /** The bot's user on the homeserver, and the alias of its room. */
  readonly name: string;
  readonly directory: string;
  readonly compileCache: string;
  readonly databaseUrl: string;
  readonly homeserver: RemoteHomeserver;
  readonly profileDirectory?: string | undefined;
  /** Additional configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface ProcessorTimes {
  readonly program: number;
  readonly postgres: ReadonlyMap<number, number>;
}

/** CPU seconds used between two readings. Those of connections that closed in between are not included. */
export function processorUsed(before: ProcessorTimes, after: ProcessorTimes): { program: number; postgres: number } {
  let postgres = 0;
  for (const [pid, seconds] of after.postgres) postgres += seconds - (before.postgres.get(pid) ?? 0);
  return { program: after.program - before.program, postgres };
}

/** One bot with its database and its room; Ann is the only other member. */
export class World {
  readonly program: Program;
  readonly room: string;
  readonly homeserver: RemoteHomeserver;
  readonly bot: string;
  readonly databaseUrl: string;
  readonly #pool: pg.Pool;

  constructor(setting: WorldSetting, room: string, program: Program) {
    this.program = program;
    this.room = room;
    this.homeserver = setting.homeserver;
    this.bot = `@${setting.name}:fake.test`;
    this.databaseUrl = setting.databaseUrl;
    this.#pool = new pg.Pool({ connectionString: setting.databaseUrl, max: 2 });
    this.#pool.on('error', () => {}); // when a run is aborted, the server stops before an idle connection
  }

  async query<Row extends object>(text: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, [...parameters])).rows;
  }

  /** Sends a load to the bot's Alertmanager webhook. */
  send(load: Load, order: Omit<LoadOrder, 'url' | 'token'>): Promise<LoadResult> {
    return load.send({ ...order, url: `${this.program.url}/webhooks/alertmanager/bench`, token: TOKEN });
  }

  /** Resolves when the bot receives messages in the room: a connector starts at its first cursor. */
  async listening(): Promise<void> {
    await this.program.healthy();
    while ((await this.query('select 1 from cursors')).length === 0) await sleep(20);
  }

  /** Resolves when every event is handled and every message shown. */
  async settled(): Promise<void> {
    for (;;) {
      const [left] = await this.query<{ busy: boolean }>(
        `select exists (select 1 from events where state = 'new') or exists (select 1 from messages where pending) as busy`,
      );
      if (left?.busy === false) return;
      await sleep(100);
    }
  }

  /** All processes of the server, including background workers. Linux only. */
  async #postgresPids(): Promise<number[]> {
    const [row] = await this.query<{ pid: number }>('select pg_backend_pid() as pid');
    const parents = new Map<number, number>();
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
      if (stat !== undefined) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    }
    const postmaster = parents.get(row?.pid ?? 0);
    return [...parents].filter(([, parent]) => parent === postmaster).map(([pid]) => pid);
  }

  /** CPU seconds used so far, by process: the program's, and those of the server. */
  async processorTimes(): Promise<ProcessorTimes> {
    const pids = await this.#postgresPids();
    const server = await Promise.all(
      pids.map(async (pid) => [pid, await processorSeconds(pid).catch(() => 0)] as const),
    );
    return { program: await processorSeconds(this.program.pid), postgres: new Map(server) };
  }

  async close(): Promise<void> {
    await this.program.stop();
    await this.#pool.end();
  }
}

/** Creates the bot's user, room, configuration and secrets; the program is not started yet. */
export async function createWorld(setting: WorldSetting): Promise<World> {
  const { name, directory, databaseUrl, homeserver, compileCache, profileDirectory } = setting;
  await mkdir(directory, { recursive: true });
  const { token } = await homeserver.addUser(name, { deviceId: 'BENCH' });
  await homeserver.addUser('ann', { displayName: 'Ann' });
  const room = await homeserver.createRoom({ creator: 'ann', alias: name, members: [name] });
  await writeFile(join(directory, 'matrix-token'), token);
  await writeFile(join(directory, 'alerts-token'), TOKEN);
  const { connectors, rooms, skills, ...rest } = (setting.config ?? {}) as Record<string, object>;
  const config = {
    connectors: { matrix: { homeserver: homeserver.url, token: { file: 'matrix-token' } }, ...connectors },
    rooms: { ops: { in: { matrix: `#${name}:fake.test` } }, ...rooms },
    people: { ann: { name: 'Ann', accounts: { matrix: ANN }, groups: ['admins'] } },
    skills: {
      alerts: { sources: { bench: { tokens: [{ file: 'alerts-token' }] } }, route: { rooms: ['ops'] } },
      ...skills,
    },
    ...rest,
  };
  await writeFile(join(directory, 'watchbell.yaml'), JSON.stringify(config));
  const [port, opsPort] = [await freePort(), await freePort()];
  return new World(
    setting,
    room,
    new Program({ directory, databaseUrl, port, opsPort, compileCache, profileDirectory }),
  );
}
