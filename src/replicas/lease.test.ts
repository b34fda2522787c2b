import { randomUUID } from 'node:crypto';
import { until } from '../../test/harness/until.ts';
import { createClock } from '../clock.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { createMigratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { fence, LeaseKeeper, type Lease } from './lease.ts';

/** A machine may stand still for a second. */
const TTL_MS = 1500;

let made: TestDatabase;
let database: Database;
const keepers: Competitor[] = [];

/** Short only where a test waits for the server to end a session: a machine may stand still for a second or more. */
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
  for (const competitor of keepers.splice(0)) await competitor.keeper.stop();
  await database.close();
  await made.drop();
});

interface Competitor {
  readonly keeper: LeaseKeeper;
  readonly won: Lease[];
  /** While true it has no database: as if stopped, or cut off. */
  cut: boolean;
  /** While true it leaves what it wants to others. */
  standsBack: boolean;
}

function compete(...names: string[]): Competitor {
  const won: Lease[] = [];
  const competitor: Competitor = {
    won,
    cut: false,
    standsBack: false,
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
      mayHold: () => !competitor.standsBack,
      onHeld: (lease) => void won.push(lease),
    }),
  };
  competitor.keeper.want(names);
  competitor.keeper.start();
  keepers.push(competitor);
  return competitor;
}

const expiresAt = async (): Promise<number> =>
  (await database.query<{ expires_at: Date }>('select expires_at from leases'))[0]?.expires_at.getTime() ?? 0;
/** Cuts a holder off and shortens what is left of its lease: the whole of it takes a test too long. */
async function endSoon(holder: Competitor): Promise<void> {
  holder.cut = true;
  await database.query(`update leases set expires_at = clock_timestamp() + interval '700 milliseconds'`);
}
const only = (competitor: Competitor): Lease => {
  const lease = competitor.won.at(-1);
  if (!lease) throw new Error('no lease was won');
  return lease;
};

test('of several that want it one holds it, and keeps it as long as it renews', async () => {
  const all = [compete('x'), compete('x'), compete('x')];
  await until(() => all.some((one) => one.won.length > 0));
  const holder = all.find((one) => one.won.length > 0);
  const first = await expiresAt();
  // Long enough that without renewal another would have it.
  await until(async () => (await expiresAt()) > first + TTL_MS + 500);
  expect(all.filter((one) => one.won.length === 0)).toHaveLength(2);
  expect(holder?.won).toHaveLength(1);
  expect(holder?.keeper.held.get('x')?.signal.aborted).toBe(false);
  expect(holder?.keeper.held.get('x')?.leftMs()).toBeGreaterThan(0);
});

test('each of several leases has a holder of its own', async () => {
  const one = compete('x', 'y');
  await until(() => one.won.length === 2);
  const other = compete('x', 'y', 'z');
  await until(() => other.won.length > 0);
  expect(one.won.map((lease) => lease.name)).toEqual(['x', 'y']);
  expect(other.won.map((lease) => lease.name)).toEqual(['z']);
});

test('a holder that is cut off is followed only after its lease has ended, and has given up by then', async () => {
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

test('nobody takes over before the lease has ended by the clock of the database', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  await endSoon(first);
  const ends = await expiresAt();
  const second = compete('x');
  await until(() => second.won.length === 1);
  const [row] = await database.query<{ now: Date }>('select clock_timestamp() as now');
  expect(row?.now.getTime()).toBeGreaterThanOrEqual(ends);
});

test('a lease that is given back is taken at the next look', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const second = compete('x');
  first.keeper.want([]);
  await first.keeper.release('x');
  expect(only(first).signal.aborted).toBe(true);
  // It is free from now on, and does not run out by itself.
  const kept = 'select 1 from leases where epoch = $1 and expires_at > clock_timestamp()';
  expect(await database.query(kept, [only(first).epoch])).toEqual([]);
  await until(() => second.won.length === 1);
  expect(only(second).epoch).toBe(only(first).epoch + 1);
});

test('who should leave a lease to others gives it back, and takes it again when it may and it is free', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  first.standsBack = true;
  const second = compete('x');
  await until(() => second.won.length === 1);
  expect(only(first).signal.aborted).toBe(true);
  expect(first.keeper.held.size).toBe(0);
  await second.keeper.stop();
  first.standsBack = false;
  await until(() => first.won.length === 2);
  expect(only(first).epoch).toBe(only(second).epoch + 1);
});

test('a keeper that stops gives everything back', async () => {
  const first = compete('x', 'y');
  await until(() => first.won.length === 2);
  await first.keeper.stop();
  expect(await database.query('select 1 from leases where expires_at > clock_timestamp()')).toEqual([]);
});

test('a write under a lease that went to another is refused', async () => {
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

test('a holder stopped in the middle of a transaction cannot commit after the take-over', async () => {
  const first = compete('x');
  await until(() => first.won.length === 1);
  const lease = only(first);
  let goOn = (): void => {};
  const stopped = new Promise<void>((resolve) => (goOn = resolve));
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
  // The server ends the stopped session, so that the take-over need not wait for it for ever.
  await until(() => second.won.length === 1);
  goOn();
  await expect(writing).rejects.toBeDefined();
  await write.close();
  expect(await database.query('select 1 from notices')).toEqual([]);
});

test('a take-over waits for a transaction of the holder that is still at work', async () => {
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

test('what was given back is not competed for until it is wanted again', async () => {
  // Won after x in the first turn in which it is free: by then x would have been taken as well.
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

test('what is wanted no more when it is won is given back at once', async () => {
  let let_go = (): void => {};
  const asked = new Promise<void>((resolve) => (let_go = resolve));
  const keeper: LeaseKeeper = new LeaseKeeper({
    database,
    holder: randomUUID(),
    clock: createClock(),
    crashPoint: () => {
      void keeper.release('x');
      keeper.want([]);
      let_go();
    },
    onHeld: () => {
      throw new Error('nothing is to begin');
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
