import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { until } from '../../test/harness/until.ts';
import { type Database, type Query } from '../db/database.ts';
import { Acceptor } from './acceptor.ts';
import type { Accepted, NewEvent } from './event.ts';

let home: OpenDatabase;
let real: Database;
beforeAll(async () => {
  home = await openDatabase();
  real = home.database;
});
beforeEach(() => real.query('delete from events'));
afterAll(async () => {
  await home.close();
});

const event = (sourceId: string, payload = '{}'): NewEvent => ({
  source: 'test',
  sourceId,
  kind: 'webhook',
  payload,
  happenedAt: new Date(),
});

/** An acceptor whose statements a test can count, delay and fail. */
function make() {
  const state = {
    ...{ statements: 0, available: true, eased: 0 },
    before: async (): Promise<void> => {},
    accepted: [] as Accepted[],
  };
  const query: Query = async (text, parameters) => {
    state.statements++;
    await state.before();
    return real.query(text, parameters);
  };
  const database: Database = {
    ...real,
    query,
    get available() {
      return state.available;
    },
  };
  const acceptor = new Acceptor({
    database,
    crashPoint: () => {},
    afterCommit: {
      eventsAccepted: (accepted) => void state.accepted.push(...accepted),
      acceptingCaughtUp: () => void state.eased++,
    },
  });
  return { acceptor, state };
}

const stored = async (): Promise<string[]> =>
  (await real.query<{ source_id: string }>('select source_id from events order by id')).map((row) => row.source_id);

test('accepted events are stored in order and reported once', async () => {
  const { acceptor, state } = make();
  await acceptor.accept([event('a'), event('b')]);
  expect(await stored()).toEqual(['a', 'b']);
  expect(state.accepted).toHaveLength(2);
});

test('a repeat is accepted, but not stored again', async () => {
  const { acceptor, state } = make();
  await acceptor.accept([event('a')]);
  await acceptor.accept([event('a')]);
  await Promise.all([acceptor.accept([event('a')]), acceptor.accept([event('a')])]);
  expect(await stored()).toEqual(['a']);
  expect(state.accepted).toHaveLength(1);
});

test('events that arrive during a commit share the next one', async () => {
  const { acceptor, state } = make();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  state.before = () => held;
  const first = acceptor.accept([event('0')]);
  while (state.statements === 0) await new Promise((resolve) => setImmediate(resolve));
  const all = Array.from({ length: 49 }, (_, index) => acceptor.accept([event(String(index + 1))]));
  release();
  await first;
  await Promise.all(all);
  expect(state.statements).toBe(2);
  expect(await stored()).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
});

test('a flood is split into statements of limited size', async () => {
  const { acceptor, state } = make();
  await Promise.all(Array.from({ length: 1000 }, (_, index) => acceptor.accept([event(String(index))])));
  expect(await stored()).toHaveLength(1000);
  expect(state.statements).toBeGreaterThanOrEqual(4);
  const before = state.statements;
  const large = 'x'.repeat(5 * 1024 * 1024);
  await Promise.all(['p', 'q', 'r'].map((id) => acceptor.accept([event(id, JSON.stringify(large))])));
  expect(state.statements - before).toBe(3);
});

test('nothing resolves before its commit', async () => {
  const { acceptor, state } = make();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  state.before = () => held;
  let settled = false;
  const accepting = acceptor.accept([event('a')]).then(() => (settled = true));
  await real.query('select 1');
  expect(settled).toBe(false);
  release();
  await accepting;
  expect(await stored()).toEqual(['a']);
});

test('an event that Postgres rejects does not affect the others', async () => {
  const { acceptor, state } = make();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  state.before = () => held;
  const outcomes = Promise.allSettled(
    ['first', 'a', 'bad', 'b'].map((id) => acceptor.accept([event(id, id === 'bad' ? 'NUL \u0000' : '{}')])),
  );
  release();
  expect((await outcomes).map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(await stored()).toEqual(['first', 'a', 'b']);
  expect(state.accepted).toHaveLength(3);
});

test('pressure lasts as long as senders keep waiting, across commits', async () => {
  const { acceptor, state } = make();
  expect(acceptor.pressure).toBe('none');
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 16 }, (_, index) => acceptor.accept([event(`${round} ${index}`)])));
    expect(acceptor.pressure).not.toBe('none');
  }
  expect(state.eased).toBe(0);
  await until(() => state.eased > 0);
  expect(acceptor.pressure).toBe('none');
  expect(state.eased).toBe(1);
});

test('a few senders cause no pressure', async () => {
  const { acceptor } = make();
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 7 }, (_, index) => acceptor.accept([event(`${round} ${index}`)])));
    expect(acceptor.pressure).toBe('none');
  }
});

test('without a database every event is rejected at once, and no statement is sent', async () => {
  const { acceptor, state } = make();
  state.available = false;
  await expect(acceptor.accept([event('a')])).rejects.toMatchObject({ code: 'WB_DATABASE_AWAY' });
  expect(state.statements).toBe(0);
});

test('when the database goes down, waiting events are rejected, and later ones are accepted again', async () => {
  const { acceptor, state } = make();
  state.before = async () => {
    state.available = false;
    throw new Error('connection terminated');
  };
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => acceptor.accept([event(id)])));
  expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected']);
  state.before = async () => {};
  state.available = true;
  await acceptor.accept([event('d')]);
  expect(await stored()).toEqual(['d']);
});
