import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import type { Database } from '../db/database.ts';
import { LeaseLost, type Lease } from '../replicas/lease.ts';
import { tickCrons, type Crons, type CronSpec } from './cron.ts';

const at = (text: string): Date => new Date(text);
const leaseOf = (epoch: number): Lease => ({
  ...{ name: 'cron', epoch, leftMs: () => 1000, signal: new AbortController().signal },
});

let home: OpenDatabase;
let database: Database;
beforeAll(async () => {
  home = await openDatabase();
  database = home.database;
});
beforeEach(async () => {
  await database.query('delete from crons');
  await database.query('delete from events');
  await database.query(
    `insert into leases (name, holder, epoch, expires_at) values ('cron', gen_random_uuid(), 1, 'infinity')
     on conflict (name) do update set epoch = 1`,
  );
});
afterAll(async () => {
  await home.close();
});

const daily: CronSpec = { skill: 'coffee', name: 'round', expression: '0 9 * * *', timeZone: 'UTC' };
const minutely: CronSpec = { ...daily, name: 'look', expression: '* * * * *' };
const look = (now: string, specs: readonly CronSpec[], more: Partial<Crons> = {}, epoch = 1) =>
  tickCrons(database, leaseOf(epoch), at(now), { specs, broken: new Set(), failed: [], ...more });
const tick = async (now: string, ...specs: CronSpec[]) => (await look(now, specs)).accepted;

const times = async (): Promise<string[]> =>
  (
    await database.query<{ happened_at: Date }>(
      `select happened_at from events where kind = 'cron' order by happened_at`,
    )
  ).map((row) => row.happened_at.toISOString());

test('one cron may have several schedules, each with its key and lead time', async () => {
  const early: CronSpec = { ...daily, name: 'warn', key: 'random', leadTimeMs: 3_600_000 };
  const other: CronSpec = { ...daily, name: 'warn', key: 'lunch', expression: '0 12 * * *' };
  for (const now of ['07:30:00', '08:00:01', '09:00:01', '12:00:01']) await tick(`2026-01-10T${now}Z`, early, other);
  const rows = await database.query(
    `select name, key, happened_at from events where kind = 'cron' order by happened_at`,
  );
  expect(rows).toEqual([
    { name: 'warn', key: 'random', happened_at: at('2026-01-10T08:00:00Z') },
    { name: 'warn', key: 'lunch', happened_at: at('2026-01-10T12:00:00Z') },
  ]);
});

test('a new cron starts now', async () => {
  expect(await tick('2026-01-10T12:00:00Z', daily)).toEqual([]);
  expect(await tick('2026-01-11T08:59:59Z', daily)).toEqual([]);
  expect(await tick('2026-01-11T09:00:00Z', daily)).toHaveLength(1);
  expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
});

test('a tick is made once, however often it is checked', async () => {
  await tick('2026-01-10T12:00:00Z', daily);
  for (let count = 0; count < 3; count++) await tick('2026-01-11T10:00:00Z', daily);
  await Promise.all(Array.from({ length: 5 }, () => tick('2026-01-12T10:00:00Z', daily)));
  expect(await times()).toEqual(['2026-01-11T09:00:00.000Z', '2026-01-12T09:00:00.000Z']);
});

test('a tick is not made again after its event is pruned', async () => {
  await tick('2026-01-10T12:00:00Z', daily);
  await tick('2026-01-11T10:00:00Z', daily);
  await database.query('delete from events');
  expect(await tick('2026-01-11T10:00:05Z', daily)).toEqual([]);
});

test('a replica that lost the lease makes no ticks and changes nothing', async () => {
  await tick('2026-01-10T12:00:00Z', daily);
  await database.query(`update leases set epoch = 2 where name = 'cron'`);
  await expect(tick('2026-01-11T10:00:00Z', daily)).rejects.toThrow(LeaseLost);
  await expect(tick('2026-01-11T10:00:00Z', { ...daily, expression: '0 8 * * *' })).rejects.toThrow(LeaseLost);
  expect((await look('2026-01-11T10:00:05Z', [daily], {}, 2)).accepted).toHaveLength(1);
  expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
});

test('of missed ticks, the last one is made', async () => {
  await tick('2026-01-10T12:00:00Z', daily, minutely);
  await tick('2026-01-20T12:00:30Z', daily, minutely);
  expect(await times()).toEqual(['2026-01-20T09:00:00.000Z', '2026-01-20T12:00:00.000Z']);
});

test('catching up after a year does not walk through every minute', async () => {
  await tick('2025-01-10T12:00:00Z', minutely);
  const begun = performance.now();
  await tick('2026-01-10T12:00:30Z', minutely);
  expect(performance.now() - begun).toBeLessThan(5000);
  expect(await times()).toEqual(['2026-01-10T12:00:00.000Z']);
});

test('a rare tick that was missed long ago is made', async () => {
  const yearly = { ...daily, expression: '0 9 1 3 *' };
  await tick('2025-02-10T12:00:00Z', yearly);
  await tick('2026-02-10T12:00:00Z', yearly);
  expect(await times()).toEqual(['2025-03-01T09:00:00.000Z']);
});

test('of several missed ticks of a rare cron, the last one is made', async () => {
  const monthly = { ...daily, expression: '0 9 1 * *' };
  await tick('2025-01-10T12:00:00Z', monthly);
  await tick('2025-06-20T12:00:00Z', monthly);
  expect(await times()).toEqual(['2025-06-01T09:00:00.000Z']);
});

test('a removed schedule is forgotten, and starts over when it is configured again', async () => {
  await tick('2026-01-10T12:00:00Z', daily, minutely);
  await tick('2026-01-10T12:00:05Z', minutely);
  expect(await database.query('select name from crons')).toEqual([{ name: 'look' }]);
  expect(await tick('2026-06-10T12:00:30Z', daily)).toEqual([]);
  expect(await tick('2026-06-11T09:00:00Z', daily)).toHaveLength(1);
});

test('a tick that was missed while its skill could not be loaded is made afterwards', async () => {
  await tick('2026-01-10T12:00:00Z', daily);
  for (const now of ['2026-01-11T08:59:00Z', '2026-01-11T09:01:00Z'])
    await look(now, [], { broken: new Set(['coffee']) });
  expect(await tick('2026-01-11T10:00:00Z', daily)).toHaveLength(1);
});

test('an invalid expression does not affect other crons, and is reported from the first check', async () => {
  const bad = { ...daily, name: 'bad', expression: '61 9 * * *' };
  for (const now of ['2026-01-10T12:00:00Z', '2026-01-11T09:00:30Z'])
    expect((await look(now, [bad, daily])).failed).toEqual([
      { skill: 'coffee', name: 'bad', reason: expect.any(String) },
    ]);
  expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
});

test('a tick that was missed while the expression was invalid is made after it is fixed', async () => {
  await tick('2026-01-10T12:00:00Z', daily, minutely);
  await tick('2026-01-11T09:01:00Z', { ...daily, expression: 'at nine' }, minutely);
  expect(await tick('2026-01-11T10:00:30Z', daily)).toHaveLength(1);
  expect(await times()).toEqual(['2026-01-11T09:00:00.000Z', '2026-01-11T09:01:00.000Z']);
});

test('a tick that was missed while its schedule threw is made afterwards', async () => {
  await tick('2026-01-10T12:00:00Z', daily, minutely);
  const failed = [{ skill: 'coffee', name: 'round', reason: 'no room' }];
  // Only that one is kept: the other was removed.
  expect(await look('2026-01-11T09:01:00Z', [], { failed })).toEqual({ accepted: [], failed });
  expect(await database.query('select name from crons')).toEqual([{ name: 'round' }]);
  expect(await tick('2026-01-11T10:00:00Z', daily)).toHaveLength(1);
});

test.each([
  ['expression', { expression: '30 12 * * *' }],
  ['time zone', { timeZone: 'America/St_Johns' }],
  ['lead time', { leadTimeMs: 20.5 * 3_600_000 }],
])('with a changed %s a cron starts over, without missed ticks', async (_, change) => {
  await tick('2026-01-10T09:30:00Z', daily);
  expect(await tick('2026-01-10T13:00:00Z', { ...daily, ...change })).toEqual([]);
  expect(await tick('2026-01-11T12:29:59Z', { ...daily, ...change })).toEqual([]);
  expect(await tick('2026-01-11T12:30:00Z', { ...daily, ...change })).toHaveLength(1);
});
