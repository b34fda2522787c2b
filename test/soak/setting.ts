import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { spawnFakeHomeserver, type RemoteHomeserver } from '../fakes/matrix/remote.ts';
import { createDatabase, freePort, startPostgres, type TestDatabase, type TestPostgres } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { spawnLineServer, type RemoteLineServer } from '../line-protocol/remote.ts';

export const ROOMS = ['r0', 'r1', 'r2', 'r3'];
export const TOKEN = 'soak-token-soak-token';
export const API_TOKEN = 'soak-api-token-soak-api-token';
/** The room on the second platform. */
export const KITCHEN = 'kitchen';
export const BOT = '@bell:fake.test';
export const ANN = '@ann:fake.test';

export interface SoakSetting {
  readonly homeserver: RemoteHomeserver;
  readonly lines: RemoteLineServer;
  readonly postgres: TestPostgres;
  readonly database: TestDatabase;
  readonly client: pg.Pool;
  readonly replicas: readonly ProgramProcess[];
  readonly directory: string;
  /** Directory where each task writes a file, by its uuid. */
  readonly outbox: string;
  /** Room name → id. */
  readonly rooms: ReadonlyMap<string, string>;
  /** Points the replicas to another, empty database; they must be stopped. */
  emptyDatabase(): Promise<TestDatabase>;
  close(): Promise<void>;
}

/** A Postgres, two chat platforms in separate processes, and two replicas of the real program that share them. */
export async function createSoakSetting(logFile: string | undefined, names = ROOMS): Promise<SoakSetting> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-soak-'));
  const postgres = await startPostgres();
  const database = await createDatabase(postgres.url);
  const client = new pg.Pool({ connectionString: database.url, max: 2 });
  const lines = await spawnLineServer();
  const homeserver = await spawnFakeHomeserver();
  const bot = await homeserver.addUser('bell', { deviceId: 'SOAK' });
  await homeserver.addUser('ann', { displayName: 'Ann' });
  const rooms = new Map<string, string>();
  for (const name of names) {
    const id = await homeserver.createRoom({ creator: 'ann', alias: name, members: ['bell'] });
    rooms.set(name, id);
  }
  const secrets = join(directory, 'secrets');
  await mkdir(secrets);
  await writeFile(join(secrets, 'matrix-token'), bot.token);
  await writeFile(join(secrets, 'alerts-token'), TOKEN);
  await writeFile(join(secrets, 'lines-token'), lines.token);
  await writeFile(join(secrets, 'api-token'), API_TOKEN);
  const outbox = join(directory, 'effects');
  await mkdir(outbox);
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: {
        matrix: { homeserver: homeserver.url, token: { file: 'matrix-token' } },
        lines: { port: lines.port, token: { file: 'lines-token' } },
      },
      rooms: {
        ...Object.fromEntries(names.map((name) => [name, { in: { matrix: `#${name}:fake.test` } }])),
        kitchen: { in: { lines: KITCHEN } },
      },
      api: { tokens: { ci: { token: { file: 'api-token' }, commands: ['*'] } } },
      people: { ann: { name: 'Ann', accounts: { matrix: ANN }, groups: ['admins'] } },
      skillDirectories: [join(import.meta.dirname, 'skills')],
      skills: {
        probe: { token: { file: 'alerts-token' }, outbox },
        alerts: {
          sources: { soak: { tokens: [{ file: 'alerts-token' }] } },
          route: {
            rooms: names.slice(0, 1),
            routes: names.map((name) => ({ matchers: [`room="${name}"`], rooms: [name] })),
          },
        },
      },
    }),
  );
  let databaseUrl = database.url;
  const replicas = await Promise.all(
    [0, 1].map(async () => {
      const ports = { port: await freePort(), opsPort: await freePort() };
      return new ProgramProcess({
        config,
        secrets,
        ...ports,
        get databaseUrl() {
          return databaseUrl;
        },
        ...(logFile !== undefined && { logFile }),
      });
    }),
  );
  return {
    ...{ homeserver, lines, postgres, database, client, replicas, directory, outbox, rooms },
    async emptyDatabase() {
      const fresh = await createDatabase(postgres.url);
      databaseUrl = fresh.url;
      return fresh;
    },
    async close() {
      for (const replica of replicas) {
        replica.thaw();
        await replica.kill();
      }
      await homeserver.close();
      lines.close();
      await client.end();
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
