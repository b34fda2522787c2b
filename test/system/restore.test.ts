import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { samplePayload } from '../../skills/alerts/sample.ts';
import { dump } from '../../src/backup/dump.ts';
import { readBackup, writeBackup } from '../../src/backup/backup-file.ts';
import { createDatabase, type Database } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { restore } from '../../src/backup/restore.ts';
import { listDead } from '../../src/messages/dead-letters.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../../src/skills/load.ts';
import { spawnFakeHomeserver, type RemoteHomeserver } from '../fakes/matrix/remote.ts';
import { createDatabase as emptyDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

const TOKEN = 'a-token-for-the-test';

let directory: string;
let homeserver: RemoteHomeserver;
let room: string;
let old: TestDatabase;
let fresh: TestDatabase;
const open: { close(): Promise<unknown> }[] = [];
const bells: ProgramProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-restore-'));
  homeserver = await spawnFakeHomeserver();
  const { token } = await homeserver.addUser('bell', { deviceId: 'BELL' });
  await homeserver.addUser('ann');
  room = await homeserver.createRoom({ creator: 'ann', alias: 'ops', members: ['bell'] });
  await mkdir(join(directory, 'secrets'));
  await writeFile(join(directory, 'secrets/matrix-token'), token);
  await writeFile(join(directory, 'secrets/alerts-token'), TOKEN);
  const config = {
    connectors: { matrix: { homeserver: homeserver.url, token: { file: 'matrix-token' } } },
    rooms: { ops: { in: { matrix: '#ops:fake.test' } } },
    people: { ann: { name: 'Ann Li', accounts: { matrix: '@ann:fake.test' }, groups: ['admins'] } },
    skills: { alerts: { sources: { default: { tokens: [{ file: 'alerts-token' }] } }, route: { rooms: ['ops'] } } },
  };
  await writeFile(join(directory, 'watchbell.yaml'), JSON.stringify(config));
  [old, fresh] = await Promise.all([emptyDatabase(), emptyDatabase()]);
});
afterEach(async () => {
  await Promise.all(bells.splice(0).map((bell) => bell.kill()));
  await Promise.all(open.splice(0).map((one) => one.close()));
  await homeserver.close();
  await Promise.all([old.drop(), fresh.drop()]);
  await rm(directory, { recursive: true, force: true });
});

async function startBell(database: TestDatabase): Promise<ProgramProcess> {
  const bell = new ProgramProcess({
    config: join(directory, 'watchbell.yaml'),
    secrets: join(directory, 'secrets'),
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
  });
  bells.push(bell);
  await bell.start();
  expect(bell.failures).toEqual([]);
  return bell;
}

function connect({ url }: TestDatabase): Database {
  const database = createDatabase({
    url: async () => ({ connectionString: url }),
    poolSize: 3,
    idleInTransactionMs: 10_000,
    statementTimeoutMs: 10_000,
  });
  open.push(database);
  return database;
}

async function post(
  bell: ProgramProcess,
  name: string,
  status: 'firing' | 'resolved' = 'firing',
  summary?: string,
): Promise<void> {
  const response = await fetch(`${bell.url}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(
      samplePayload({ name, status, labels: { pod: 'api' }, ...(summary !== undefined && { summary }) }),
    ),
  });
  expect(response.status).toBe(200);
}

/** The messages of the bot that contain `text`. */
async function shown(text: string): Promise<string[]> {
  const messages = await homeserver.shown(room);
  return messages.filter((one) => one.sender === '@bell:fake.test' && one.text.includes(text)).map((one) => one.text);
}

test('a restored bot posts nothing twice, runs no older command, and shows its next change', async () => {
  const bell = await startBell(old);
  await post(bell, 'Shown');
  await until(async () => (await shown('Shown')).length === 1);
  await homeserver.setRate({ perSecond: 0.5, burst: 0 });
  await post(bell, 'Waiting');
  const client = new pg.Client(old.url);
  await client.connect();
  await until(async () => (await client.query('select 1 from messages where pending')).rows.length === 1);
  await client.end();
  const path = join(directory, 'backup.jsonl.gz');
  await writeBackup(path, dump(connect(old), '0.1.0'));
  // After the backup the pending message is sent, and the other is edited: the homeserver remembers the keys of these requests.
  await homeserver.setRate(null);
  await post(bell, 'Shown', 'resolved');
  await until(async () => (await shown('RESOLVED')).length === 1 && (await shown('Waiting')).length === 1);
  await bell.kill();

  await homeserver.say('ann', room, '!version');
  const database = connect(fresh);
  const { skills } = await loadSkills([BUILT_IN_SKILLS]);
  await migrate(
    database,
    skills.map(({ migrations }) => migrations),
  );
  expect(await restore(database, readBackup(path))).toMatchObject({ messages: 1 });

  const again = await startBell(fresh);
  await until(async () => (await database.query('select 1 from cursors')).length === 1);
  await homeserver.say('ann', room, '!whoami');
  await until(async () => (await shown('Ann Li')).length > 0);
  expect(await shown('Waiting')).toHaveLength(1);
  expect(await shown('0.1.0')).toHaveLength(0);
  expect(await listDead(database.query, 10)).toMatchObject([{ reason: 'held by a restore' }]);

  // For the restored bot the alert still fires, so the homeserver must not take its next change for the earlier one.
  await post(again, 'Shown', 'firing', 'and then this');
  await until(async () => (await shown('and then this')).length === 1);
  expect(await shown('payments Shown')).toHaveLength(1);
}, 60_000);
