import { randomUUID } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import type { Database } from './database.ts';
import { prune } from './prune.ts';

const DAY_MS = 86_400_000;
let home: OpenDatabase;
let database: Database;
beforeEach(async () => {
  home = await openDatabase();
  database = home.database;
});
afterEach(async () => {
  await home.close();
});

const run = (): Promise<number> => prune(database, { eventsMs: 7 * DAY_MS, historyMs: 30 * DAY_MS }, () => false);

async function message(days: number, more: { state?: string; delivered?: number } = {}): Promise<string> {
  const id = randomUUID();
  await database.query(
    `insert into messages (id, connector, room, skill, queue, content, state, delivered_version, created_at, wanted_at)
     values ($1, 'matrix', 'ops', 'alerts', 1, '{}', $2, $3, now() - $4 * interval '1 day', now() - $4 * interval '1 day')`,
    [id, more.state ?? 'live', more.delivered ?? 1, days],
  );
  await database.query(
    `insert into message_remotes (connector, room, remote_id, message_id) values ('matrix', 'r', $1, $2)`,
    [`$${id}`, id],
  );
  return id;
}

test('old messages are deleted with their platform ids; recent, pending and dead ones are kept', async () => {
  await message(40);
  const kept = [await message(20), await message(40, { delivered: 0 }), await message(40, { state: 'dead' })];
  expect(await run()).toBe(1);
  expect((await database.query<{ id: string }>('select id from messages')).map((row) => row.id).toSorted()).toEqual(
    kept.toSorted(),
  );
  expect(await database.query('select 1 from message_remotes')).toHaveLength(kept.length);
});

test('rows that a handler is changing during pruning are kept', async () => {
  const id = await message(40);
  await database.query(`insert into files (hash, bytes, made_at) values ('h', '', now() - interval '40 days')`);
  await database.transaction(async ({ query }) => {
    await query('update messages set wanted_at = now(), version = version + 1 where id = $1', [id]);
    await query('update files set made_at = now()');
    expect(await run()).toBe(0);
  });
  expect(await database.query('select id from messages')).toEqual([{ id }]);
  expect(await database.query('select hash from files')).toEqual([{ hash: 'h' }]);
});

test('a digest is kept as long as any message it replaces', async () => {
  const [digest, member] = [await message(40), await message(20)];
  await database.query('update messages set digest = true where id = $1', [digest]);
  await database.query('update messages set fold = $1 where id = $2', [digest, member]);
  expect(await run()).toBe(0);
  await database.query(
    `update messages set wanted_at = created_at - interval '20 days', created_at = created_at - interval '20 days' where id = $1`,
    [member],
  );
  expect(await run()).toBe(1);
  expect(await run()).toBe(1);
  expect(await database.query('select 1 from messages')).toEqual([]);
});

test('handled events are deleted by age, but not before every connector has read past them', async () => {
  const event = (days: number, state: string): Promise<unknown> =>
    database.query(
      `insert into events (source, source_id, kind, state, happened_at, handled_at) values ('test', $1, 'webhook', $2, now(), now() - $3 * interval '1 day')`,
      [randomUUID(), state, days],
    );
  await event(10, 'done');
  await event(10, 'failed');
  await event(10, 'new');
  await event(3, 'done');
  await database.query(
    `insert into cursors (connector, cursor, stored_at) values ('matrix', 'c', now() - interval '20 days')`,
  );
  expect(await run()).toBe(0);
  await database.query('update cursors set stored_at = now()');
  expect(await run()).toBe(1);
});
