import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { asideOf, beginLane, knownLiteral, postponeEvent } from './event.ts';
import { beginSuspect, suspectNew, takeSuspects } from './suspects.ts';

const known = knownLiteral([]);
const KITCHEN = 'lines:kitchen';

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

/** Two presses in a room: the first was put aside until its message is confirmed. */
async function twoPresses(): Promise<{ aside: number; next: number }> {
  const [aside, next] = await home.database.query<{ id: number }>(
    `insert into events (source, source_id, lane, kind, payload, happened_at)
     select 'lines', n::text, $1, 'interaction', '{}', clock_timestamp() from generate_series(1, 2) n returning id`,
    [KITCHEN],
  );
  if (!aside || !next) throw new Error('they were not stored');
  await home.database.connection(async (transaction) => {
    await transaction.script('begin');
    await postponeEvent(transaction, aside.id, asideOf(KITCHEN, aside.id), 0);
  });
  return { aside: aside.id, next: next.id };
}

/** Resolves when a session waits for a lane. */
async function somebodyWaits(): Promise<void> {
  const sql = `select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`;
  while ((await home.database.query(sql)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Handles the room's next event, and meanwhile has the one that was put aside begun. Returns the order in which they went. */
async function handleBoth(beginAside: () => Promise<unknown>): Promise<readonly string[]> {
  const order: string[] = [];
  let aside: Promise<unknown> | undefined;
  await home.database.connection(async (transaction) => {
    await beginLane(transaction, KITCHEN, known);
    aside = beginAside().then(() => order.push('aside'));
    await somebodyWaits();
    order.push('next');
    await transaction.script('commit');
  });
  await aside;
  return order;
}

test('an event that was put aside is not handled beside another of its room', async () => {
  const { aside } = await twoPresses();
  const order = await handleBoth(() =>
    home.database.connection(async (transaction) => {
      expect(await beginLane(transaction, asideOf(KITCHEN, aside), known)).toMatchObject({ id: aside });
      await transaction.script('rollback');
    }),
  );
  expect(order).toEqual(['next', 'aside']);
});

test('nor is it when it is suspected', async () => {
  const { aside, next } = await twoPresses();
  await suspectNew(home.database.query, new Date());
  await home.database.query('update events set deaths = null where id = $1', [next]);
  const [suspect] = await takeSuspects(home.database.query, known);
  if (!suspect) throw new Error('none was taken');
  const order = await handleBoth(() =>
    home.database.connection(async (transaction) => {
      expect(await beginSuspect(transaction, suspect)).toMatchObject({ id: aside });
      await transaction.script('rollback');
    }),
  );
  expect(order).toEqual(['next', 'aside']);
});

test('what is put aside again keeps its lane', () => {
  const lane = asideOf('lines:a:tap:b', 7);
  expect(lane).toBe('lines:a:tap:b:tap:7');
  expect(asideOf(lane, 7)).toBe(lane);
});
