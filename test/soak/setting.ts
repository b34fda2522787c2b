import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnFakeHomeserver, type RemoteHomeserver } from '../fakes/matrix/remote.ts';
import { createDatabase, freePort, startPostgres, type TestDatabase, type TestPostgres } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';

export const ROOMS = ['r0', 'r1', 'r2', 'r3'];
export const TOKEN = 'soak-token-soak-token';
export const BOT = '@bell:fake.test';
export const ANN = '@ann:fake.test';

export interface SoakSetting {
  readonly homeserver: RemoteHomeserver;
  readonly postgres: TestPostgres;
  readonly database: TestDatabase;
  readonly replicas: readonly ProgramProcess[];
  readonly directory: string;
  /** Room name → id. */
  readonly rooms: ReadonlyMap<string, string>;
  /** Points the replicas at another, empty database; they must be down. */
  emptyDatabase(): Promise<TestDatabase>;
  close(): Promise<void>;
}

/** Each command is answered once, by another part of the core: the handler, a timer, a task, the failure's second transaction. */
const PROBE = `import { defineSkill, defineTask, defineTimer, z } from '#skill';
const said = z.object({ word: z.string(), room: z.object({ connector: z.string(), room: z.string() }) });
export default defineSkill({
  name: 'probe',
  commands: {
    'echo {word}': { help: 'says the word', late: 'run', run: ({ args }) => 'echo ' + args.word },
    'later {word}': { help: 'says it later', late: 'run', run: (context) => context.at('later:' + context.args.word, new Date(context.now.getTime() + 700), 'later', { word: context.args.word, room: { connector: context.room.connector, room: context.room.room } }) },
    'work {word}': { help: 'says it when its task is done', late: 'run', run: async (context) => void (await context.task('work', { word: context.args.word, room: { connector: context.room.connector, room: context.room.room } })) },
    'boom {word}': { help: 'fails', late: 'run', run: () => { throw new Error('on purpose'); } },
  },
  timers: { later: defineTimer({ payload: said, run: (context, { payload }) => context.say(payload.room, 'echo ' + payload.word) }) },
  tasks: {
    work: defineTask({ payload: said, result: z.string(), idempotent: true, run: async ({ payload }) => payload.word, done: (context, outcome) => context.say(outcome.payload.room, 'echo ' + (outcome.ok ? outcome.result : 'failed')) }),
  },
});
`;

/** A Postgres, a homeserver in a process of its own, and two replicas of the real program that share them. */
export async function createSoakSetting(logFile: string | undefined, names = ROOMS): Promise<SoakSetting> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-soak-'));
  const postgres = await startPostgres();
  const database = await createDatabase(postgres.url);
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
  await mkdir(join(directory, 'skills/probe'), { recursive: true });
  await writeFile(join(directory, 'skills/probe/index.ts'), PROBE);
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { matrix: { homeserver: homeserver.url, token: { file: 'matrix-token' } } },
      rooms: Object.fromEntries(names.map((name) => [name, { in: { matrix: `#${name}:fake.test` } }])),
      people: { ann: { name: 'Ann', accounts: { matrix: ANN }, groups: ['admins'] } },
      skillDirectories: [join(directory, 'skills')],
      skills: {
        probe: {},
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
    homeserver,
    postgres,
    database,
    replicas,
    directory,
    rooms,
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
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
