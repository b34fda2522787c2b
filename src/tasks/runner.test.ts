import { randomUUID } from 'node:crypto';
import { job, openTasks, type OpenTasks, type TestRun } from '../../test/harness/tasks.ts';
import { until } from '../../test/harness/until.ts';
import type { Database } from '../db/database.ts';
import { writeTasks } from './task.ts';

let tasks: OpenTasks;
let database: Database;
beforeAll(async () => {
  tasks = await openTasks();
  database = tasks.database;
});
afterEach(() => tasks.clear());
afterAll(() => tasks.close());

const start: OpenTasks['start'] = (...given) => tasks.start(...given);
const queue: OpenTasks['queue'] = (...given) => tasks.queue(...given);
const results: OpenTasks['results'] = () => tasks.results();
const ended: OpenTasks['ended'] = (count) => tasks.ended(count);
const abandon: OpenTasks['abandon'] = (id) => tasks.abandon(id);

test('a task runs with its payload and uuid, and its result is one event', async () => {
  const seen: TestRun[] = [];
  const id = await queue();
  start(job({ run: async (run) => (seen.push(run), run.payload.n * 2) }));
  await ended();
  expect(await results()).toMatchObject([{ id, ok: true, result: 42, payload: { n: 21 } }]);
  expect(seen).toMatchObject([{ id, attempt: 1, payload: { n: 21 } }]);
  expect(await database.query('select state from tasks')).toEqual([{ state: 'done' }]);
});

test('only one of two replicas runs a task', async () => {
  let runs = 0;
  const task = job({ run: async () => ++runs });
  start(task);
  start(task);
  for (let count = 0; count < 20; count++) await queue();
  await ended(20);
  expect(runs).toBe(20);
  expect(await results()).toHaveLength(20);
});

test('an idempotent task that fails is retried under the same uuid', async () => {
  const seen: [string, number][] = [];
  const id = await queue();
  start(
    job({
      idempotent: true,
      run: async (run) => {
        seen.push([run.id, run.attempt]);
        if (run.attempt < 2) throw new Error('not now');
        return 1;
      },
    }),
  );
  await ended();
  expect(seen).toEqual([
    [id, 1],
    [id, 2],
  ]);
  expect(await results()).toMatchObject([{ ok: true, result: 1 }]);
});

test('after its last attempt a task has failed, with the reason', async () => {
  await queue();
  start(job({ idempotent: true, attempts: 2, run: () => Promise.reject(new Error('the pump is dry')) }));
  await ended();
  expect(await results()).toMatchObject([{ ok: false, unknown: false, reason: 'the pump is dry' }]);
});

test('a task that must not be repeated has one attempt', async () => {
  let runs = 0;
  await queue();
  start(job({ run: () => (runs++, Promise.reject(new Error('refused'))) }));
  await ended();
  expect(runs).toBe(1);
  expect(await results()).toMatchObject([{ ok: false, unknown: false, reason: 'refused' }]);
});

test('a task of a dead replica that must not be repeated has an unknown outcome', async () => {
  let runs = 0;
  await abandon(await queue());
  start(job({ run: async () => ++runs }));
  await ended();
  expect(runs).toBe(0);
  expect(await results()).toMatchObject([
    { ok: false, unknown: true, reason: expect.stringContaining('may have happened') },
  ]);
});

test('an idempotent task of a dead replica is run by another', async () => {
  const id = await queue();
  await abandon(id);
  start(job({ idempotent: true, run: async (run) => run.attempt * 100 }));
  await ended();
  expect(await results()).toMatchObject([{ id, ok: true, result: 200 }]);
});

test('find is called before a task is run again', async () => {
  const looked: string[] = [];
  const ran: string[] = [];
  const [done, undone] = [await queue(), await queue()];
  for (const id of [done, undone]) await abandon(id);
  start(
    job({
      find: async (run) => (looked.push(run.id), run.id === done ? { done: 7 } : undefined),
      run: async (run) => (ran.push(run.id), 8),
    }),
  );
  await ended(2);
  expect(new Set(looked)).toEqual(new Set([done, undone]));
  expect(ran).toEqual([undone]);
  const outcomes = await results();
  expect(new Set(outcomes.map((outcome) => outcome['result']))).toEqual(new Set([7, 8]));
});

test('the result of a superseded attempt is ignored', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const id = await queue();
  let cut = false;
  const slow = start(job({ idempotent: true, run: async () => (await held, 1) }), {
    query: (text, parameters) =>
      cut && text.includes('heartbeat_at') ? Promise.reject(new Error('cut off')) : database.query(text, parameters),
  });
  await until(async () => (await database.query(`select 1 from tasks where state = 'running'`)).length > 0);
  cut = true;
  await database.query(`update tasks set heartbeat_at = clock_timestamp() - interval '1 hour' where id = $1`, [id]);
  start(job({ idempotent: true, run: async () => 2 }));
  await ended();
  release();
  await slow.stop();
  expect(await results()).toMatchObject([{ result: 2 }]);
});

test('heartbeats keep a long task on its replica', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let runs = 0;
  const id = await queue();
  start(job({ idempotent: true, run: async () => (runs++, await held, 1) }));
  await until(() => runs === 1);
  start(job({ idempotent: true, run: async () => (runs++, 1) }));
  // Recent enough that the other replica does not consider it dead before the next, possibly slow, heartbeat.
  await database.query(`update tasks set heartbeat_at = clock_timestamp() - interval '2 seconds' where id = $1`, [id]);
  await until(
    async () =>
      (await database.query(`select 1 from tasks where heartbeat_at > clock_timestamp() - interval '1 second'`))
        .length > 0,
  );
  release();
  await ended();
  expect(runs).toBe(1);
});

test('a task is aborted at its timeout, even if it ignores its signal', async () => {
  await queue();
  let signal: AbortSignal | undefined;
  start(job({ timeoutMs: 50, run: (run) => ((signal = run.signal), new Promise<number>(() => {})) }));
  await ended();
  expect(signal?.aborted).toBe(true);
  expect(await results()).toMatchObject([{ ok: false, unknown: true, reason: 'it took longer than 0.05 s' }]);
});

test('a timeout may be longer than the longest JavaScript timer', async () => {
  await queue();
  let release = (): void => {};
  let signal: AbortSignal | undefined;
  const run = (given: { signal: AbortSignal }): Promise<number> => {
    signal = given.signal;
    return new Promise<number>((resolve) => (release = () => resolve(3)));
  };
  start(job({ timeoutMs: 30 * 86_400_000, run }));
  await until(() => signal !== undefined);
  // A JavaScript timer that is too long fires after a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 5));
  release();
  await ended();
  expect(await results()).toMatchObject([{ result: 3 }]);
});

test('a task that fails and is aborted while that is stored causes no unhandled rejection', async () => {
  const rejected: unknown[] = [];
  const listen = (reason: unknown): number => rejected.push(reason);
  process.on('unhandledRejection', listen);
  await queue();
  start(
    job({
      timeoutMs: 30,
      run: (run) => {
        const waiting = new Int32Array(new SharedArrayBuffer(4));
        run.signal.addEventListener('abort', () => {}, { once: true });
        Atomics.wait(waiting, 0, 0, 40);
        throw new Error('at once');
      },
    }),
  );
  await ended();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', listen);
  expect(rejected).toEqual([]);
  expect(await results()).toMatchObject([{ ok: false, reason: 'at once' }]);
});

test('stopping aborts running tasks, and idempotent ones are queued again for another replica', async () => {
  const id = await queue();
  let running = false;
  const first = start(
    job({
      idempotent: true,
      run: (run) =>
        new Promise((_, reject) => {
          running = true;
          run.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
        }),
    }),
  );
  await until(() => running);
  await first.stop();
  expect(await database.query('select state from tasks')).toEqual([{ state: 'queued' }]);
  start(job({ idempotent: true, run: async () => 5 }));
  await ended();
  expect(await results()).toMatchObject([{ id, ok: true, result: 5 }]);
});

test('a payload or a result that does not match its schema is a failure with a reason', async () => {
  let runs = 0;
  await queue({ n: 'many' });
  start(job({ run: async () => (runs++, 'text' as unknown as number) }));
  await ended();
  expect(runs).toBe(0);
  await queue();
  await ended(2);
  expect(await results()).toMatchObject([
    { ok: false, reason: expect.stringContaining('payload is invalid') },
    { ok: false, reason: expect.stringContaining('expected number') },
  ]);
});

test('at most four tasks run at once on a replica', async () => {
  let now = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  start(
    job({
      run: async () => {
        most = Math.max(most, ++now);
        await new Promise<void>((resolve) => waiting.push(resolve));
        now--;
        return 1;
      },
    }),
  );
  for (let count = 0; count < 9; count++) await queue();
  await until(() => waiting.length === 4);
  while ((await results()).length < 9) {
    await until(async () => waiting.length > 0 || (await results()).length === 9);
    waiting.splice(0).forEach((release) => release());
  }
  expect(most).toBe(4);
});

test('at most four tasks run at once, even when two end during one look', async () => {
  let now = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  const task = job({
    run: async () => {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => waiting.push(resolve));
      now--;
      return 1;
    },
  });
  for (let count = 0; count < 8; count++) await queue();
  let claims = 0;
  let slow: Promise<unknown> | undefined;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  start(task, {
    query: (text, parameters) =>
      text.includes('deaths = 0') && ++claims === 2
        ? ((slow = held.then(() => database.query(text, parameters))) as never)
        : database.query(text, parameters),
  });
  await until(() => waiting.length === 4);
  waiting.shift()?.();
  await until(() => claims === 2);
  waiting.shift()?.();
  await until(async () => (await results()).length === 2);
  // Long enough for a second look, if it could start during the first.
  await new Promise((resolve) => setTimeout(resolve, 200));
  release();
  await slow;
  await until(() => waiting.length >= 4);
  while ((await results()).length < 8) {
    await until(async () => waiting.length > 0 || (await results()).length === 8);
    waiting.splice(0).forEach((release) => release());
  }
  expect(most).toBe(4);
});

test('a task reads rows, and cannot write', async () => {
  const seen: unknown[] = [];
  const reader = job({
    attempts: 1,
    idempotent: true,
    run: async ({ read }) => {
      seen.push((await read<{ two: number }>('select 1 + $1::int as two', [1]))[0]?.two);
      await read('delete from tasks');
      return 0;
    },
  });
  await writeTasks(database.query, [{ id: randomUUID(), skill: 'math', name: 'double', payload: '{"n":1}' }]);
  start(reader);
  const found = async () => database.query<{ payload: string }>("select payload from events where kind = 'task'");
  while ((await found()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(seen).toEqual([2]);
  expect((await found())[0]?.payload).toContain('read-only transaction');
});
