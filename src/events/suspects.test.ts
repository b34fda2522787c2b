import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { knownLiteral, moveEvent } from './event.ts';
import { beginSuspect, markSuspects, takeSuspects, uncountTries } from './suspects.ts';

const known = knownLiteral([]);

let home: OpenDatabase;
beforeAll(async () => {
  home = await openDatabase();
});
beforeEach(async () => {
  await home.database.query('delete from events');
});
afterAll(async () => {
  await home.close();
});

/** Creates events that were new when a replica died; returns their ids. */
async function suspects(count: number, { lanes = count, deaths = 0 } = {}): Promise<number[]> {
  const { query } = home.database;
  const rows = await query<{ id: number }>(
    `insert into events (source, source_id, lane, kind, payload, happened_at, accepted_at)
     select 'probe', gen_random_uuid()::text, 'lane ' || (n % $2), 'webhook', '{}', clock_timestamp(), clock_timestamp() - interval '1 s'
     from generate_series(1, $1::int) n returning id`,
    [count, lanes],
  );
  expect(await markSuspects(query, new Date())).toBe(count);
  const ids = rows.map(({ id }) => id);
  if (deaths > 0) await query('update events set deaths = $1 where id = any($2)', [deaths, ids]);
  return ids;
}

async function deathsOf(ids: readonly number[]): Promise<number[]> {
  const rows = await home.database.query<{ deaths: number }>(
    'select deaths from events where id = any($1) order by id',
    [ids],
  );
  return rows.map(({ deaths }) => deaths);
}

const take = (): ReturnType<typeof takeSuspects> => takeSuspects(home.database.query, known);

async function begins(suspect: Awaited<ReturnType<typeof take>>[number] | undefined): Promise<boolean> {
  if (!suspect) throw new Error('none was taken');
  return home.database.connection(async (transaction) => {
    const row = await beginSuspect(transaction, suspect);
    await transaction.script('rollback');
    return row !== undefined;
  });
}

test('suspects without an attempt since the crash are taken together; one with an attempt is taken alone', async () => {
  const [tried, ...others] = await suspects(40);
  await home.database.query('update events set deaths = 2 where id = $1', [tried]);
  expect(await take()).toEqual([{ id: tried, lane: 'lane 1', deaths: 2 }]);
  const together = await take();
  expect(together.map(({ id }) => id)).toEqual(others.slice(0, 32));
  expect(new Set(await deathsOf(others.slice(0, 32)))).toEqual(new Set([1]));
  expect(await take()).toHaveLength(others.length - 32);
});

test('an attempt that parks the event does not count as a crash', async () => {
  const [id = 0] = await suspects(1);
  const [taken] = await take();
  await home.database.connection(async (transaction) => {
    expect(taken && (await beginSuspect(transaction, taken))).toMatchObject({ id });
    await moveEvent(transaction, id, 'lane 1:tap', 500);
  });
  expect(await deathsOf([id])).toEqual([0]);
});

test('only the first event of a lane begins, whatever was taken with it', async () => {
  await suspects(3, { lanes: 1 });
  const [first, second] = await take();
  expect([await begins(first), await begins(second)]).toEqual([true, false]);
  await uncountTries(home.database.query, second ? [second.id] : []);
  await home.database.query(`update events set state = 'done' where id = $1`, [first?.id]);
  expect(await begins(second)).toBe(true);
});

test('a backlog of tens of thousands is marked completely, and taking events does not read all of it', async () => {
  await suspects(10_000, { lanes: 300 });
  const beganMs = performance.now();
  expect(await take()).toHaveLength(32);
  // Searching for them one at a time took 155 ms each: 5 s.
  expect(performance.now() - beganMs).toBeLessThan(1000);
}, 30_000);
