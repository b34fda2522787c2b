import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createDatabase as emptyDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { until } from '../../test/harness/until.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { readBackup, writeBackup } from './backup-file.ts';
import { dump, readTables } from './dump.ts';
import { dropHeld, listHeld, releaseHeld } from './held-work.ts';
import { restore } from './restore.ts';

const { skills } = await loadSkills([BUILT_IN_SKILLS]);
let directory: string;
let path: string;
let databases: TestDatabase[];
let source: Database;
let target: Database;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-backup-'));
  path = join(directory, 'backup.jsonl.gz');
  databases = [await emptyDatabase(), await emptyDatabase()];
  [source, target] = (await Promise.all(
    databases.map(async ({ url }) => {
      const database = createDatabase({
        url: async () => ({ connectionString: url }),
        poolSize: 3,
        idleInTransactionMs: 10_000,
        statementTimeoutMs: 10_000,
      });
      await migrate(
        database,
        skills.map(({ migrations }) => migrations),
      );
      return database;
    }),
  )) as [Database, Database];
});
afterEach(async () => {
  await Promise.all([source.close(), target.close()]);
  await Promise.all(databases.map((one) => one.drop()));
  await rm(directory, { recursive: true, force: true });
});

/** Every row of every table, as Postgres writes it. */
async function contents(database: Database): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const { name } of await readTables(database.query)) {
    const rows = await database.query<{ json: string }>(
      `select row_to_json(t)::text as json from "${name}" t order by 1`,
    );
    all[name] = rows.map(({ json }) => json);
  }
  return all;
}

const NASTY = `'"\\ \n\t\u2028 ünï 🔔 {"a":1} end table x`;

/** At least one row in each important table, with every kind of value. */
async function fill(): Promise<void> {
  const message = randomUUID();
  await source.query(
    `insert into messages (id, connector, room, skill, key, queue, content, version, delivered_version, copies)
     values ($1, 'matrix', '!r:x', 'alerts', 'alert:1', 0, $2, 3, 3, '[]')`,
    [message, NASTY],
  );
  await source.query(
    `insert into message_remotes (connector, room, remote_id, message_id) values ('matrix', 'r', $1, $2)`,
    [`$${NASTY}`, message],
  );
  await source.query(
    `insert into alerts (source, fingerprint, number, phase, severity, name, labels, annotations, started_at, ended_at, ack, receivers)
     values ('prod', 'f', nextval('alert_numbers'), 'firing', 'critical', $1, $2, '{}', '2026-03-01 12:00:00.123456+01', 'infinity', $3, $4)`,
    [
      NASTY,
      { n: 9_007_199_254_740_993n.toString(), deep: [NASTY, null, 1e-7] },
      { until: null },
      [NASTY, '{}', 'null'],
    ],
  );
  await source.query(
    `insert into alert_episodes (alert_id, number, opened_at, started_at) select id, number, now(), now() from alerts`,
  );
  await source.query(
    `insert into events (source, source_id, kind, payload, state, happened_at, handled_at) values ('matrix', 'e1', 'message', null, 'done', now(), now())`,
  );
  await source.query(
    `insert into timers (id, skill, key, name, payload, due_at) values ($1, 'alerts', 'k', 'remind', $2, now() + interval '1 day')`,
    [randomUUID(), NASTY],
  );
  await source.query(`insert into skill_state values ('coffee', 'k', $1)`, [NASTY]);
  await source.query(
    `insert into web_lines (id, connector, room, account, name, text) values ($1, 'web', 'r', 'a', 'n', $2)`,
    [randomUUID(), NASTY],
  );
  await source.query(
    `insert into audit (at, event_id, connector, room, account, skill, command, text, result, because) select now(), n, 'm', 'r', 'a', 's', 'c', 't', 'ok', 'b' from generate_series(1, 1234) n`,
  );
}

const take = (): Promise<Record<string, number>> => writeBackup(path, dump(source, '0.1.0'));

test('a restore reproduces the backup, value for value', async () => {
  await fill();
  const counts = await take();
  expect(counts).toMatchObject({ audit: 1234, alerts: 1, messages: 1, message_remotes: 1 });
  expect(await restore(target, readBackup(path))).toEqual({ messages: 0, timers: 0, tasks: 0, events: 0 });
  const [before, after] = [await contents(source), await contents(target)];
  const sends = after['messages']?.map((row) => (JSON.parse(row) as { sends: number }).sends);
  expect(sends?.every((count) => count > 20_000_000)).toBe(true);
  const withoutSends = (rows: string[] = []): string[] => rows.map((row) => row.replace(/"sends":\d+/, ''));
  for (const one of [before, after]) one['messages'] = withoutSends(one['messages']);
  expect(after).toEqual(before);
});

test('a restore writes each message once, because one update of all could exceed the statement timeout', async () => {
  await fill();
  await take();
  await target.connection(({ script }) =>
    script(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'written twice'; end $$;
      create trigger refuse before update on messages for each row execute function refuse()`),
  );
  expect(await restore(target, readBackup(path))).toMatchObject({ messages: 0 });
});

/** The next numbers in the restored database, if the backup was taken `agoDays` ago, after `lifeDays`, when the last alert was `last`. */
async function numbersAfter({ last, agoDays, lifeDays }: { last: number; agoDays: number; lifeDays: number }) {
  await source.query(`select setval('alert_numbers', $1)`, [last]);
  await source.query(
    `insert into config_generations (hash, content, loaded_at) values ('h', '{}', now() - $1 * interval '1 day')`,
    [agoDays + lifeDays],
  );
  async function* aged(): ReturnType<typeof dump> {
    for await (const line of dump(source, '0.1.0'))
      yield line.type === 'row'
        ? line
        : {
            type: 'manifest',
            manifest: { ...line.manifest, takenAt: new Date(Date.now() - agoDays * 86_400_000).toISOString() },
          };
  }
  await writeBackup(path, aged());
  await restore(target, readBackup(path));
  const [next] = await target.query<{ alert: number; audit: number; event: number }>(
    `select nextval('alert_numbers')::int as alert, nextval(pg_get_serial_sequence('audit', 'id'))::int as audit,
       nextval(pg_get_serial_sequence('events', 'id'))::int as event`,
  );
  return next;
}

test.each([
  ['a fresh one', { last: 3713, agoDays: 1, lifeDays: 100 }, { alert: 14_001, audit: 12_001, event: 10_001 }],
  ['an old one', { last: 49_500, agoDays: 90, lifeDays: 30 }, { alert: 1_535_001, audit: 39_001, event: 10_001 }],
  ['few numbers left', { last: 2_147_418_112, agoDays: 90, lifeDays: 1 }, { alert: 2_147_450_880 }],
])('%s: numbers that may have been assigned since the backup are not assigned again', async (_, when, numbers) => {
  await fill();
  // A sequence that started only after the backup.
  await source.query('delete from events; alter sequence events_id_seq restart');
  expect(await numbersAfter(when)).toMatchObject(numbers);
});

test('a disk that stalls for a while aborts neither a backup nor a restore', async () => {
  await fill();
  await take();
  const [from, to] = databases.map(({ url }) =>
    createDatabase({
      url: async () => ({ connectionString: url }),
      poolSize: 1,
      idleInTransactionMs: 200,
      statementTimeoutMs: 10_000,
    }),
  ) as [Database, Database];
  const lines = slowly(dump(from, '0.1.0'), target);
  await expect(writeBackup(`${path}.slow`, lines)).resolves.toMatchObject({ audit: 1234 });
  await expect(restore(to, slowly(readBackup(path), source))).resolves.toMatchObject({ messages: 0 });
  await Promise.all([from.close(), to.close()]);
});

/** Pauses halfway until some transaction has been idle for a second. */
async function* slowly<T>(lines: AsyncIterable<T>, { query }: Database): AsyncGenerator<T> {
  let count = 0;
  for await (const line of lines) {
    if (count++ === 1)
      await until(async () => {
        const idle = await query(
          `select from pg_stat_activity where state like 'idle in transaction%' and state_change < clock_timestamp() - interval '1 s'`,
        );
        return idle.length > 0;
      }, 5000);
    yield line;
  }
}

test('a backup is a snapshot: later commits are not in it', async () => {
  await fill();
  const lines = dump(source, '0.1.0');
  const first = await lines.next();
  await source.query(`delete from alert_episodes; `);
  await source.query(`insert into skill_state values ('late', 'k', 'v')`);
  async function* rest(): ReturnType<typeof dump> {
    if (!first.done) yield first.value;
    yield* lines;
  }
  await writeBackup(path, rest());
  await restore(target, readBackup(path));
  const { alert_episodes: episodes, skill_state: state } = await contents(target);
  expect(episodes).toHaveLength(1);
  expect(state).toHaveLength(1);
});

test('a restore starts from now: cursors are gone, and pending work is held until a person decides', async () => {
  const ids = Array.from({ length: 3 }, () => randomUUID());
  await source.query(`insert into cursors values ('matrix', 's1', now())`);
  await source.query(`insert into leases values ('connector:matrix', $1, 7, now() + interval '1 hour')`, [ids[0]]);
  for (const table of ['web_sessions', 'web_sign_ins'])
    await source.query(`insert into ${table} values ('\\x01', now() + interval '1 hour')`);
  await source.query(
    `insert into messages (id, connector, room, skill, queue, content, attempt) values ($1, 'matrix', '!r:x', 'core', 0, '{}', '{}')`,
    [ids[0]],
  );
  await source.query(
    `insert into timers (id, skill, key, name, payload, due_at) values ($1, 'alerts', 'k', 'remind', '{}', now() - interval '1 s')`,
    [ids[1]],
  );
  await source.query(
    `insert into tasks (id, skill, name, payload, state, attempt, holder, heartbeat_at) values ($1, 'jobs', 'run', '{}', 'running', 1, $1, now())`,
    [ids[2]],
  );
  await source.query(
    `insert into events (source, source_id, kind, payload, happened_at) values ('matrix', 'e', 'message', '{}', now())`,
  );
  await take();
  expect(await restore(target, readBackup(path))).toEqual({ messages: 1, timers: 1, tasks: 1, events: 1 });
  const [row] = await target.query(
    `select (select count(*)::int from cursors) as cursors, (select count(*)::int from leases) as leases,
       (select count(*)::int from web_sessions) as sessions, (select count(*)::int from web_sign_ins) as sign_ins,
       (select count(*)::int from messages where pending) as pending, (select reason from messages) as reason,
       (select held from timers) as held, (select count(*)::int from tasks where state = 'queued' and run_at < 'infinity') as due,
       (select state from events) as event, (select e.message from events join errors e on e.id = error_id) as error`,
  );
  expect(row).toEqual({
    cursors: 0,
    leases: 0,
    sessions: 0,
    sign_ins: 0,
    pending: 0,
    reason: 'held by a restore',
    held: true,
    due: 0,
    event: 'failed',
    error: 'held by a restore',
  });
});

test.each(['release', 'drop'] as const)('held work is listed, and a person can %s it', async (what) => {
  await source.query(
    `insert into timers (id, skill, key, name, payload, due_at) values (gen_random_uuid(), 'alerts', 'k', 'remind', '{}', now() - interval '1 s'),
       (gen_random_uuid(), 'alerts', 'later', 'remind', '{}', now() + interval '1 day')`,
  );
  await source.query(
    `insert into tasks (id, skill, name, payload, state) values (gen_random_uuid(), 'jobs', 'run', '{}', 'queued')`,
  );
  await take();
  await restore(target, readBackup(path));
  expect(await listHeld(target.query)).toMatchObject([
    { kind: 'task', skill: 'jobs', name: 'run', count: 1 },
    { kind: 'timer', skill: 'alerts', name: 'remind', count: 1 },
  ]);
  await (what === 'release' ? releaseHeld : dropHeld)(target.query);
  expect(await listHeld(target.query)).toEqual([]);
  const [left] = await target.query(
    `select (select count(*)::int from timers where not held) as timers, (select count(*)::int from tasks where state = 'queued' and run_at <= now()) as tasks`,
  );
  expect(left).toEqual(what === 'release' ? { timers: 2, tasks: 1 } : { timers: 1, tasks: 0 });
});

test('a truncated or damaged backup is rejected, and nothing of it is restored', async () => {
  await fill();
  await take();
  const text = gunzipSync(await readFile(path)).toString();
  const before = await contents(target);
  const lines = text.split('\n');
  const damaged: Buffer[] = [
    (await readFile(path)).subarray(0, -20),
    gzipSync(lines.slice(0, -2).join('\n')),
    gzipSync(lines.filter((line) => !line.includes('"fingerprint"')).join('\n')),
    Buffer.from('not a backup'),
  ];
  for (const bytes of damaged) {
    await writeFile(path, bytes);
    await expect(restore(target, readBackup(path))).rejects.toThrow(/not a complete backup/);
    expect(await contents(target)).toEqual(before);
  }
});

test('a backup that cannot be written leaves no transaction open, and no file that looks like a backup', async () => {
  await fill();
  const nowhere = join(directory, 'gone', 'backup.jsonl.gz');
  await expect(writeBackup(nowhere, dump(source, '0.1.0'))).rejects.toThrow('ENOENT');
  await source.query(`set lock_timeout = '2s'; alter table audit add column x int`);
  expect(await readdir(directory)).toEqual([]);
});

test('a database that is not empty, or in use by a running bot, is not overwritten', async () => {
  await fill();
  await take();
  await expect(restore(source, readBackup(path))).rejects.toThrow('into an empty one');
  await target.query(`insert into replicas (id, name, seen_at, generation) values ($1, 'pod', now(), 1)`, [
    randomUUID(),
  ]);
  await expect(restore(target, readBackup(path))).rejects.toThrow('a bot is running');
});

test('a backup of a newer release is rejected with the release; one of an older release gets the defaults of new columns', async () => {
  await fill();
  await take();
  await target.query('drop table alert_timeline');
  await expect(restore(target, readBackup(path))).rejects.toThrow('this release has no alert_timeline');
  await source.query(`update skill_migrations set number = 9 where skill = 'alerts' and number = 2`);
  await take();
  await expect(restore(target, readBackup(path))).rejects.toThrow('newer than this program');

  const [older, newer] = [source, target];
  await older.query(`update skill_migrations set number = 2 where skill = 'alerts' and number = 9`);
  await newer.query('create table alert_timeline (like alerts)');
  await older.query('drop table alert_timeline');
  await newer.query(`alter table web_lines add column mood text not null default 'calm'`);
  await take();
  await restore(newer, readBackup(path));
  expect(await newer.query('select mood from web_lines')).toEqual([{ mood: 'calm' }]);
});

test('a backup holds only one file in memory at a time', async () => {
  await source.query(
    `insert into files (hash, bytes) select n::text, decode(repeat('00', 500000), 'hex') from generate_series(1, 4) n`,
  );
  let largest = 0;
  const measured: Database = {
    ...source,
    connection: (work, longestMs) =>
      source.connection(
        (transaction) =>
          work({
            ...transaction,
            script: async <R extends object>(text: string) => {
              const rows = await transaction.script<R>(text);
              largest = Math.max(largest, JSON.stringify(rows).length);
              return rows;
            },
          }),
        longestMs,
      ),
  };
  await writeBackup(path, dump(measured, '1'));
  expect(largest).toBeGreaterThan(1_000_000);
  expect(largest).toBeLessThan(2_000_000);
  await restore(target, readBackup(path));
  expect(await target.query('select sum(length(bytes)) as bytes from files')).toEqual([{ bytes: 2_000_000 }]);
});

test('a large backup is restored, even if its statements exceed the usual timeout', async () => {
  await source.query(
    `insert into messages (id, connector, room, skill, key, queue, content, delivered_version, copies)
     select gen_random_uuid(), 'matrix', '!r:x', 'alerts', 'alert:' || n, 1, repeat('x', 500), 1, '[]' from generate_series(1, 20000) n`,
  );
  await writeBackup(path, dump(source, '1'));
  const impatient = createDatabase({
    url: async () => ({ connectionString: databases[1]?.url ?? '' }),
    poolSize: 1,
    idleInTransactionMs: 10_000,
    statementTimeoutMs: 100,
  });
  try {
    await restore(impatient, readBackup(path));
  } finally {
    await impatient.close();
  }
  expect(await target.query('select count(*) as count from messages where sends > 0')).toEqual([{ count: 20_000 }]);
});
