import { randomUUID } from 'node:crypto';
import { until } from '../../test/harness/until.ts';
import { createClock } from '../clock.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { createMigratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { fence, LeaseKeeper, type Lease } from './lease.ts';

/** A test machine may stall for a second. */
const TTL_MS = 1500;

let made: TestDatabase;
let database: Database;
const competitors: Competitor[] = [];

/** Short only where a test waits for the server to end a session, because a test machine may stall for a second or more. */
const open = ({ idleInTransactionMs = 30_000 } = {}): Database =>
  createDatabase({
    url: async () => ({ connectionString: made.url }),
    poolSize: 5,
    idleInTransactionMs,
    statementTimeoutMs: 30_000,
  });

beforeEach(async () => {
  made = await createMigratedDatabase(process.env['WATCHBELL_TEST_POSTGRES'] ?? '');
  database = open();
});
afterEach(async () => {
  for (const competitor of competitors.splice(0)) await competitor.keeper.stop();
  await database.close();
  await made.drop();
});

interface Competitor {
  readonly keeper: LeaseKeeper;
  readonly won: Lease[];
  /** While true it cannot reach the database, as if stopped or disconnected. */
  cut: boolean;
  /** While true it leaves leases to others. */
  declines: boolean;
}

function compete(...names: string[]): Competitor {
  const won: Lease[] = [];
  const competitor: Competitor = {
    won,
    cut: false,
    declines: false,
    keeper: new LeaseKeeper({
      database: {
        ...database,
        query: (text, parameters) =>
          competitor.cut ? Promise.reject(new Error('cut off')) : database.query(text, parameters),
        transaction: (work) => (competitor.cut ? Promise.reject(new Error('cut off')) : database.transaction(work)),
      },
      holder: randomUUID(),
      clock: createClock(),
      crashPoint: () => {},
      ttlMs: TTL_MS,
      canHold: () => !competitor.declines,
      onAcquired: (lease) => void won.push(lease),
    }),
  };
  competitor.keeper.want(names);
  competitor.keeper.start();
  competitors.push(competitor);
  return competitor;
}

const expiresAt = async (): Promise<number> =>
  (await database.query<{ expires_at: Date }>('select expires_at from leases'))[0]?.expires_at.getTime() ?? 0;
/** Disconnects a holder and shortens its lease, because waiting for all of it would be slow. */
async function endSoon(holder: Competitor): Promise<void> {
  holder.cut = true;
  await database.query(`update leases set expires_at = clock_timestamp() + interval '700 milliseconds'`);
}
const only = (competitor: Competitor): Lease => {
  const lease = competitor.won.at(-1);
  if (!lease) throw new Error('no lease was won');
  return lease;
};

test('one of several competitors gets the lease, and keeps it as long as it renews', async () => {
  const all = [compete('x'), compete('x'), compete('x')];
  await until(() => all.some((one) => one.won.length > 0));
  const holder = all.find((one) => one.won.length > 0);
  const first = await expiresAt();
  // Long enough that another would get it without renewal.
  await until(async () => (await expiresAt()) > first + TTL_MS + 500);
  expect(all.filter((one) => one.won.length === 0)).toHaveLength(2);
  expect(holder?.won).toHaveLength(1);
  expect(holder?.keeper.held.get('x')?.signal.aborted).toBe(false);
  expect(holder?.keeper.held.get('x')?.leftMs()).toBeGreaterThan(0);
});

test('each lease has its own holder', async () => {
  const one = compete('x', 'y');
  await until(() => one.won.length === 2);
  const other = compete('x', 'y', 'z');
  await until(() => other.won.length > 0);
  expect(one.won.map((lease) => lease.name)).toEqual(['x', 'y']);
  expect(other.won.map((lease) => lease.name)).toEqual(['z']);
});

test('a disconnected holder is succeeded only after its lease has expired, and has stopped by then', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const lease = only(first);
  const second = compete('x');
  first.cut = true;
  let gaveUpAt = Number.NaN;
  lease.signal.addEventListener('abort', () => (gaveUpAt = performance.now()));
  await until(() => second.won.length === 1);
  const takenOverAt = performance.now();
  expect(lease.signal.aborted).toBe(true);
  expect(gaveUpAt).toBeLessThan(takenOverAt);
  expect(lease.leftMs()).toBe(0);
  expect(only(second).epoch).toBe(lease.epoch + 1);
  expect(first.keeper.held.size).toBe(0);
});

test('no one takes over before the lease has expired by the clock of the database', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  await endSoon(first);
  const ends = await expiresAt();
  const second = compete('x');
  await until(() => second.won.length === 1);
  const [row] = await database.query<{ now: Date }>('select clock_timestamp() as now');
  expect(row?.now.getTime()).toBeGreaterThanOrEqual(ends);
});

test('a released lease is acquired at the next attempt', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const second = compete('x');
  first.keeper.want([]);
  await first.keeper.release('x');
  expect(only(first).signal.aborted).toBe(true);
  // It is free at once, without waiting for its expiry.
  const kept = 'select 1 from leases where epoch = $1 and expires_at > clock_timestamp()';
  expect(await database.query(kept, [only(first).epoch])).toEqual([]);
  await until(() => second.won.length === 1);
  expect(only(second).epoch).toBe(only(first).epoch + 1);
});

test('a replica that must not hold a lease releases it, and acquires it again later when allowed', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  first.declines = true;
  const second = compete('x');
  await until(() => second.won.length === 1);
  expect(only(first).signal.aborted).toBe(true);
  expect(first.keeper.held.size).toBe(0);
  await second.keeper.stop();
  first.declines = false;
  await until(() => first.won.length === 2);
  expect(only(first).epoch).toBe(only(second).epoch + 1);
});

test('stopping a keeper releases all its leases', async () => {
  const first = compete('x', 'y');
  await until(() => first.won.length === 2);
  await first.keeper.stop();
  expect(await database.query('select 1 from leases where expires_at > clock_timestamp()')).toEqual([]);
});

test('a write under a lease that has a new holder is rejected', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  await expect(database.transaction((transaction) => fence(transaction, only(first)))).resolves.toBeUndefined();
  await endSoon(first);
  const second = compete('x');
  await until(() => second.won.length === 1);
  await expect(database.transaction((transaction) => fence(transaction, only(first)))).rejects.toMatchObject({
    code: 'WB_LEASE_LOST',
  });
  await expect(database.transaction((transaction) => fence(transaction, only(second)))).resolves.toBeUndefined();
});

test('a holder that stalls in a transaction cannot commit after the takeover', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const lease = only(first);
  let resume = (): void => {};
  const stopped = new Promise<void>((resolve) => (resume = resolve));
  const write = open({ idleInTransactionMs: 1000 });
  let fenced = (): void => {};
  const isFenced = new Promise<void>((resolve) => (fenced = resolve));
  const writing = write.transaction(async (transaction) => {
    await Promise.all([
      fence(transaction, lease),
      transaction.query(`insert into notices (about, at) values ('late', clock_timestamp())`),
    ]);
    fenced();
    await stopped;
    await transaction.query('select 1');
  });
  writing.catch(fenced);
  await isFenced;
  await endSoon(first);
  const second = compete('x');
  // The server ends the stalled session, so that the takeover need not wait forever.
  await until(() => second.won.length === 1);
  resume();
  await expect(writing).rejects.toBeDefined();
  await write.close();
  expect(await database.query('select 1 from notices')).toEqual([]);
});

test('a takeover waits for a running transaction of the holder', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const lease = only(first);
  let committed = false;
  let fenced = (): void => {};
  const isFenced = new Promise<void>((resolve) => (fenced = resolve));
  const writing = database.transaction(async (transaction) => {
    await fence(transaction, lease);
    fenced();
    await transaction.query('select pg_sleep(1)');
    committed = true;
  });
  await Promise.race([isFenced, writing]);
  await endSoon(first);
  const second = compete('x');
  await until(() => second.won.length === 1);
  expect(committed).toBe(true);
  await writing;
});

test('a released lease is not acquired until it is wanted again', async () => {
  // Acquired after x in the first turn in which it is free: by then x would have been acquired too.
  await database.query(
    `insert into leases (name, holder, epoch, expires_at) values ('z', $1, 1, clock_timestamp() + interval '500 ms')`,
    [randomUUID()],
  );
  const one = compete('x', 'z');
  await until(() => one.won.length === 1);
  await one.keeper.release('x');
  await until(() => one.keeper.held.has('z'));
  expect(one.won.map((lease) => lease.name)).toEqual(['x', 'z']);
  one.keeper.want(['x', 'z']);
  await until(() => one.keeper.held.has('x'));
});

test('a lease that is no longer wanted when acquired is released at once', async () => {
  let signalAsked = (): void => {};
  const asked = new Promise<void>((resolve) => (signalAsked = resolve));
  const keeper: LeaseKeeper = new LeaseKeeper({
    database,
    holder: randomUUID(),
    clock: createClock(),
    crashPoint: () => {
      void keeper.release('x');
      keeper.want([]);
      signalAsked();
    },
    onAcquired: () => {
      throw new Error('nothing may start');
    },
  });
  keeper.want(['x']);
  keeper.start();
  await asked;
  const other = compete('x');
  await until(() => other.won.length === 1);
  expect(keeper.held.size).toBe(0);
  await keeper.stop();
});
