import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import type { Database } from '../db/database.ts';
import { nextTick, tickCrons, type CronSpec } from './cron.ts';

const at = (text: string): Date => new Date(text);

describe('when an expression ticks next', () => {
  const next = (expression: string, zone: string, after: string): string | undefined =>
    nextTick(expression, zone, at(after))?.toISOString();

  test('the time is that of the zone, summer and winter', () => {
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-01-10T00:00:00Z')).toBe('2026-01-10T08:00:00.000Z');
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-07-10T00:00:00Z')).toBe('2026-07-10T07:00:00.000Z');
  });

  test('nine in the morning is nine on both sides of a change of the clocks', () => {
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T07:00:00.000Z');
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T08:00:00.000Z');
  });

  test('an hour that the clocks skip ticks once that day all the same, and the days around it as always', () => {
    const ticks: string[] = [];
    let after = at('2026-03-27T12:00:00Z');
    for (let count = 0; count < 4; count++) {
      const tick = nextTick('30 2 * * *', 'Europe/Berlin', after);
      if (!tick) break;
      ticks.push(tick.toISOString());
      after = tick;
    }
    expect(ticks.map((tick) => tick.slice(0, 10))).toEqual(['2026-03-28', '2026-03-29', '2026-03-30', '2026-03-31']);
    expect(ticks[0]).toBe('2026-03-28T01:30:00.000Z');
    expect(ticks[2]).toBe('2026-03-30T00:30:00.000Z');
  });

  test('an hour that the clocks repeat ticks once', () => {
    const first = nextTick('30 2 * * *', 'Europe/Berlin', at('2026-10-24T12:00:00Z'));
    expect(first?.toISOString().slice(0, 10)).toBe('2026-10-25');
    expect(nextTick('30 2 * * *', 'Europe/Berlin', first ?? at(''))?.toISOString()).toBe('2026-10-26T01:30:00.000Z');
  });

  test('a tick is after the time asked about, never at it', () => {
    expect(next('0 9 * * *', 'UTC', '2026-01-10T09:00:00Z')).toBe('2026-01-11T09:00:00.000Z');
  });

  test('a day that never comes never ticks', () => {
    expect(next('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z')).toBeUndefined();
  });
});

describe('ticks in the database', () => {
  let home: OpenDatabase;
  let database: Database;
  beforeAll(async () => {
    home = await openDatabase();
    database = home.database;
  });
  beforeEach(async () => {
    await database.query('delete from crons');
    await database.query('delete from events');
    await database.query('delete from replicas');
  });
  afterAll(async () => {
    await home.close();
  });

  const daily: CronSpec = { skill: 'coffee', name: 'round', expression: '0 9 * * *', timeZone: 'UTC' };
  const minutely: CronSpec = { ...daily, name: 'look', expression: '* * * * *' };
  const tickAs = (generation: number, now: string, ...specs: CronSpec[]) =>
    tickCrons(database, at(now), { generation, specs });
  const tick = (now: string, ...specs: CronSpec[]) => tickAs(1, now, ...specs);
  /** A replica with such a configuration lives, or did. */
  const replica = (generation: number, age = '0 s') =>
    database.query(
      `insert into replicas (id, name, seen_at, generation) values (gen_random_uuid(), 'one', clock_timestamp() - $2::interval, $1)`,
      [generation, age],
    );

  test('one name may have several schedules, each with its key and its own lead', async () => {
    const early: CronSpec = { ...daily, name: 'warn', key: 'random', aheadMs: 3_600_000 };
    const other: CronSpec = { ...daily, name: 'warn', key: 'lunch', expression: '0 12 * * *' };
    await tick('2026-01-10T07:30:00Z', early, other);
    await tick('2026-01-10T08:00:01Z', early, other);
    await tick('2026-01-10T09:00:01Z', early, other);
    await tick('2026-01-10T12:00:01Z', early, other);
    const rows = await database.query(
      `select name, key, happened_at from events where kind = 'cron' order by happened_at`,
    );
    expect(rows).toEqual([
      { name: 'warn', key: 'random', happened_at: at('2026-01-10T08:00:00Z') },
      { name: 'warn', key: 'lunch', happened_at: at('2026-01-10T12:00:00Z') },
    ]);
  });

  const times = async (): Promise<string[]> =>
    (
      await database.query<{ happened_at: Date }>(
        `select happened_at from events where kind = 'cron' order by happened_at`,
      )
    ).map((row) => row.happened_at.toISOString());

  test('a cron seen for the first time begins now', async () => {
    expect(await tick('2026-01-10T12:00:00Z', daily)).toEqual([]);
    expect(await tick('2026-01-11T08:59:59Z', daily)).toEqual([]);
    expect(await tick('2026-01-11T09:00:00Z', daily)).toHaveLength(1);
    expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
  });

  test('a tick is made once, however often anybody looks', async () => {
    await tick('2026-01-10T12:00:00Z', daily);
    for (let count = 0; count < 3; count++) await tick('2026-01-11T10:00:00Z', daily);
    await Promise.all(Array.from({ length: 5 }, () => tick('2026-01-12T10:00:00Z', daily)));
    expect(await times()).toEqual(['2026-01-11T09:00:00.000Z', '2026-01-12T09:00:00.000Z']);
  });

  test('however many were missed, the last one is made', async () => {
    await tick('2026-01-10T12:00:00Z', daily, minutely);
    await tick('2026-01-20T12:00:30Z', daily, minutely);
    expect(await times()).toEqual(['2026-01-20T09:00:00.000Z', '2026-01-20T12:00:00.000Z']);
  });

  test('a year away costs no walk through every minute of it', async () => {
    await tick('2025-01-10T12:00:00Z', minutely);
    const begun = performance.now();
    await tick('2026-01-10T12:00:30Z', minutely);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(await times()).toEqual(['2026-01-10T12:00:00.000Z']);
  });

  test('a rare tick that was missed long ago is still made', async () => {
    const yearly = { ...daily, expression: '0 9 1 3 *' };
    await tick('2025-02-10T12:00:00Z', yearly);
    await tick('2026-02-10T12:00:00Z', yearly);
    expect(await times()).toEqual(['2025-03-01T09:00:00.000Z']);
  });

  test('of several old ticks of a rare cron it is the last', async () => {
    const monthly = { ...daily, expression: '0 9 1 * *' };
    await tick('2025-01-10T12:00:00Z', monthly);
    await tick('2025-06-20T12:00:00Z', monthly);
    expect(await times()).toEqual(['2025-06-01T09:00:00.000Z']);
  });

  test('while replicas disagree on a schedule, the one with the newer configuration ticks, once', async () => {
    const moved = { ...daily, expression: '0 10 * * *' };
    await tick('2026-01-11T08:00:00Z', daily);
    await replica(1);
    await replica(2);
    for (const clock of ['08:59:50', '08:59:55', '09:00:00', '09:00:05', '09:59:55', '10:00:00', '10:00:05']) {
      await tick(`2026-01-11T${clock}Z`, daily);
      await tickAs(2, `2026-01-11T${clock}Z`, moved);
    }
    expect(await times()).toEqual(['2026-01-11T10:00:00.000Z']);
  });

  test('a configuration that nobody has any more stands in nobody’s way', async () => {
    await replica(2, '11 s');
    await tick('2026-01-11T08:00:00Z', daily);
    expect(await tick('2026-01-11T09:00:00Z', daily)).toHaveLength(1);
  });

  describe('replicas with one configuration that run different programs', () => {
    const clocks = ['08:59:50', '08:59:55', '09:00:00', '09:00:05', '09:59:55', '10:00:00', '10:00:05'];
    /** All look in turn, in that order and in the other. */
    const together = async (...programs: CronSpec[][]): Promise<void> => {
      for (const clock of clocks)
        for (const specs of [...programs, ...programs.toReversed()]) await tick(`2026-01-11T${clock}Z`, ...specs);
    };

    test('one that lacks a skill stands in the way of none of its schedules', async () => {
      await together([daily], []);
      expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
    });

    test('what only the newer program has ticks', async () => {
      await together([minutely], [minutely, daily]);
      expect(await database.query(`select happened_at from events where name = 'round'`)).toEqual([
        { happened_at: at('2026-01-11T09:00:00Z') },
      ]);
    });

    test('two expressions of one name tick each at its times, and together once', async () => {
      await together([daily], [{ ...daily, expression: '0 9,10 * * *' }]);
      expect(await times()).toEqual(['2026-01-11T09:00:00.000Z', '2026-01-11T10:00:00.000Z']);
    });

    test('what was missed is made when the one that has it is back, whatever the other did meanwhile', async () => {
      await tick('2026-01-11T08:00:00Z', daily);
      await tickAs(2, '2026-01-11T08:30:00Z');
      await tickAs(2, '2026-01-11T09:00:00Z');
      await tickAs(2, '2026-01-11T09:30:00Z', daily);
      expect(await times()).toEqual(['2026-01-11T09:00:00.000Z']);
      await tickAs(2, '2026-01-12T08:00:00Z');
      await tickAs(3, '2026-01-12T09:30:00Z', daily);
      expect(await times()).toEqual(['2026-01-11T09:00:00.000Z', '2026-01-12T09:00:00.000Z']);
    });
  });

  test('a schedule that was away for months begins now when it is back', async () => {
    await tickAs(1, '2026-01-10T12:00:00Z', daily, minutely);
    await tickAs(2, '2026-01-10T12:00:05Z', minutely);
    expect(await tickAs(3, '2026-06-10T12:00:30Z', daily)).toEqual([]);
    expect(await tickAs(3, '2026-06-11T09:00:00Z', daily)).toHaveLength(1);
  });

  test('a program that goes back to an earlier schedule under one configuration has missed nothing of it', async () => {
    const moved = { ...daily, expression: '0 8 * * *' };
    await tick('2026-01-10T12:00:00Z', daily);
    await tick('2026-01-10T13:00:00Z', moved);
    await tick('2026-01-15T08:00:01Z', moved);
    expect(await tick('2026-01-15T15:00:00Z', daily)).toEqual([]);
    expect(await tick('2026-01-16T09:00:00Z', daily)).toHaveLength(1);
  });

  test('a schedule that no configuration has any more is forgotten', async () => {
    await tickAs(1, '2026-01-10T12:00:00Z', daily, minutely);
    await tickAs(2, '2026-01-10T12:00:05Z', minutely);
    await tickAs(3, '2026-01-10T12:00:10Z', minutely);
    expect(await database.query('select name from crons')).toEqual([{ name: 'look' }]);
  });

  test('a tick is not made again once its event is pruned', async () => {
    await tick('2026-01-10T12:00:00Z', daily);
    await tick('2026-01-11T10:00:00Z', daily);
    await database.query('delete from events');
    expect(await tick('2026-01-11T10:00:05Z', daily)).toEqual([]);
  });

  test.each([
    ['expression', { expression: '30 12 * * *' }],
    ['time zone', { timeZone: 'America/St_Johns' }],
    ['lead', { aheadMs: 20.5 * 3_600_000 }],
  ])('another %s begins now: nothing of the new one was missed', async (_, change) => {
    await tick('2026-01-10T09:30:00Z', daily);
    expect(await tick('2026-01-10T13:00:00Z', { ...daily, ...change })).toEqual([]);
    expect(await tick('2026-01-11T12:29:59Z', { ...daily, ...change })).toEqual([]);
    expect(await tick('2026-01-11T12:30:00Z', { ...daily, ...change })).toHaveLength(1);
  });
});
