import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { CrashPoint } from '../../src/crash-points.ts';
import { seeded } from '../fakes/matrix/faults.ts';
import { spawnFakeHomeserver, type RemoteHomeserver } from '../fakes/matrix/remote.ts';
import { runCli, type CliResult } from '../harness/cli.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';

/** Points where a round could be interrupted: its computation, its commit, opening a conversation, the first message in it. */
export const COFFEE_STEPS: readonly CrashPoint[] = [
  'handle.before-commit',
  'handle.after-commit',
  'task.after-claim',
  'task.after-run',
  'task.after-result',
  'delivery.before-attempt',
  'delivery.after-attempt',
  'delivery.after-send',
  'delivery.after-record',
];

export interface CoffeeSetting {
  readonly homeserver: RemoteHomeserver;
  readonly database: TestDatabase;
  readonly client: pg.Pool;
  readonly lobby: string;
  readonly replicas: readonly ProgramProcess[];
  cli(...args: string[]): Promise<CliResult>;
  close(): Promise<void>;
}

/** The real program in several replicas, and a homeserver with a room of many people. */
export async function createCoffeeSetting(people: number, replicas: number): Promise<CoffeeSetting> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-coffee-'));
  const database = await createDatabase();
  const homeserver = await spawnFakeHomeserver();
  const bot = await homeserver.addUser('bell', { deviceId: 'COFFEE' });
  const members = Array.from({ length: people }, (_, at) => `p${at}`);
  for (const name of members) await homeserver.addUser(name);
  const lobby = await homeserver.createRoom({ creator: 'p0', alias: 'random', members: ['bell', ...members.slice(1)] });
  const secrets = join(directory, 'secrets');
  await mkdir(secrets);
  await writeFile(join(secrets, 'matrix-token'), bot.token);
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { matrix: { homeserver: homeserver.url, token: { file: 'matrix-token' } } },
      rooms: { random: { in: { matrix: '#random:fake.test' } } },
      people: { pia: { name: 'Pia', accounts: { matrix: '@p0:fake.test' } } },
      skills: { coffee: { rounds: { random: { room: 'random', followUp: '5d' } } } },
    }),
  );
  const programs = await Promise.all(
    Array.from({ length: replicas }, async () => {
      const ports = { port: await freePort(), opsPort: await freePort() };
      return new ProgramProcess({ config, secrets, databaseUrl: database.url, ...ports });
    }),
  );
  const client = new pg.Pool({ connectionString: database.url, max: 2 });
  return {
    ...{ homeserver, database, client, lobby, replicas: programs },
    cli: (...args) => runCli(args, { config, secrets, databaseUrl: database.url }),
    async close() {
      for (const program of programs) await program.kill();
      await homeserver.close();
      await client.end();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Waits until everyone in the only round was told and nothing is waiting to be shown. */
export async function roundIsOver({ client }: CoffeeSetting, within: { readonly ms: number }): Promise<void> {
  for (const end = Date.now() + within.ms; ;) {
    const { rows } = await client.query<{ over: boolean }>(
      `select exists (select 1 from coffee_rounds where state = 'told') and not exists (select 1 from messages where pending)
         and not exists (select 1 from events where state = 'new') as over`,
    );
    if (rows[0]?.over) return;
    if (Date.now() > end) {
      const left = await client.query(
        `select (select json_agg(r) from (select state, count(*) from coffee_groups group by 1) r) as groups,
           (select count(*) from messages where pending) as pending, (select json_agg(t) from (select name, state, attempt from tasks where state <> 'done') t) as tasks`,
      );
      throw new Error(`the round is not over: ${JSON.stringify(left.rows[0])}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Kills a replica at each step in turn and restarts it, until the round is over or there were enough kills. */
export async function killDuring(
  setting: CoffeeSetting,
  kills: number,
  seed: number,
): Promise<Map<CrashPoint, number>> {
  const random = seeded(seed);
  const done = new Map<CrashPoint, number>();
  const over = roundIsOver(setting, { ms: 3_600_000 }).then(
    () => 'over' as const,
    () => 'over' as const,
  );
  for (let turn = 0; turn < kills; turn++) {
    const crashPoint = COFFEE_STEPS[turn % COFFEE_STEPS.length] ?? 'task.after-run';
    for (const one of setting.replicas) one.order({ crashAt: { crashPoint, nth: 1 + Math.floor(random() * 2) } });
    const died = Promise.race(setting.replicas.map((one) => one.gone())).then(() => 'died' as const);
    const what = await Promise.race([died, over]);
    if (what === 'over') break;
    done.set(crashPoint, (done.get(crashPoint) ?? 0) + 1);
    await Promise.all(setting.replicas.filter((one) => !one.isAlive).map((one) => one.start()));
  }
  return done;
}

/** Errors in what people see: empty if each has one conversation with the bot and was told there once. */
export async function verifyTold({ homeserver, lobby }: CoffeeSetting, people: number): Promise<string[]> {
  const wrong: string[] = [];
  const rooms = new Set<string>();
  for (let at = 0; at < people; at++) {
    const own = (await homeserver.roomsOf(`p${at}`)).filter((room) => room !== lobby);
    if (own.length !== 1) wrong.push(`p${at} is in ${own.length} conversations`);
    for (const room of own) rooms.add(room);
  }
  for (const room of rooms) {
    const texts = (await homeserver.shown(room)).map(({ text }) => text);
    if (texts.length !== 1) wrong.push(`${room} was told ${texts.length} times: ${texts.join(' | ').slice(0, 300)}`);
  }
  const made = (await homeserver.roomsOf('bell')).filter((room) => room !== lobby);
  if (made.length !== rooms.size) wrong.push(`${made.length} conversations were created for ${rooms.size} groups`);
  const told = (await homeserver.shown(lobby)).filter(({ text }) => text.includes('has started'));
  if (told.length !== 1) wrong.push(`the round was announced ${told.length} times`);
  return wrong;
}
