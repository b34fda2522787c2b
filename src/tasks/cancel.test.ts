import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { job, openTasks, type OpenTasks, type TestTask } from '../../test/harness/tasks.ts';
import { until } from '../../test/harness/until.ts';
import { NothingDone } from '../errors.ts';
import { beatTasks, cancelTask, claimTasks } from './task.ts';

let tasks: OpenTasks;
beforeAll(async () => {
  tasks = await openTasks();
});
afterEach(() => tasks.clear());
afterAll(() => tasks.close());

const cancel = (key = 'it') => cancelTask(tasks.database.query, 'math', key);
const never = () => new Promise<never>(() => {});

/** Starts a task, and cancels it once it is running. */
async function cancelled(
  more: Partial<TestTask>,
  run: (signal: AbortSignal) => Promise<number>,
): Promise<Record<string, unknown> | undefined> {
  let running = false;
  const runner = tasks.start(job({ ...more, run: ({ signal }) => ((running = true), run(signal)) }), {
    cancelGraceMs: 20,
  });
  await tasks.queue({ n: 1 }, { key: 'it' });
  runner.wake();
  await until(() => running);
  expect(await cancel()).toMatchObject({ never_ran: false });
  runner.wake();
  await tasks.ended();
  return (await tasks.results())[0];
}

/** Calls `settle` when the signal aborts. */
const onAbort = (signal: AbortSignal, settle: (resolve: (n: number) => void, reject: (error: Error) => void) => void) =>
  new Promise<number>((resolve, reject) => signal.addEventListener('abort', () => settle(resolve, reject)));

test('a key belongs to one task until it ends, and can then be used again', async () => {
  const first = await tasks.queue({ n: 1 }, { key: 'it' });
  expect(await tasks.queue({ n: 2 }, { key: 'it' })).toBe(first);
  const runner = tasks.start(job({ run: async ({ payload, key }) => (expect(key).toBe('it'), payload.n) }));
  await tasks.ended();
  const second = await tasks.queue({ n: 3 }, { key: 'it' });
  expect(second).not.toBe(first);
  runner.wake();
  await tasks.ended(2);
  expect((await tasks.results()).map(({ result }) => result)).toEqual([1, 3]);
});

test('a task cancelled before it starts never runs', async () => {
  await tasks.queue({ n: 1 }, { key: 'it' });
  expect(await cancel()).toMatchObject({ never_ran: true, key: 'it' });
  expect(await cancel()).toBeUndefined();
  let runs = 0;
  tasks.start(job({ run: async () => ++runs }));
  await tasks.queue();
  await tasks.ended();
  expect(runs).toBe(1);
});

test('a running task is aborted on whichever replica runs it', async () => {
  const outcome = await cancelled({}, (signal) => onAbort(signal, (_, reject) => reject(new NothingDone('in time'))));
  expect(outcome).toMatchObject({ ok: false, cancelled: true, unknown: false, reason: 'it was cancelled' });
});

test('a task that finishes despite the cancellation has its result', async () => {
  expect(await cancelled({}, (signal) => onAbort(signal, (resolve) => resolve(7)))).toMatchObject({
    ok: true,
    result: 7,
  });
});

test.each([
  ['ignores its signal', never],
  ['fails', (signal: AbortSignal) => onAbort(signal, (_, reject) => reject(new Error('cut off')))],
])('the outcome of a cancelled task that %s is unknown', async (_, run) => {
  expect(await cancelled({ idempotent: true }, run)).toMatchObject({ ok: false, cancelled: true, unknown: true });
});

test.each([
  [undefined, { ok: false, cancelled: true, unknown: false }],
  [{ done: 9 }, { ok: true, result: 9 }],
  [{ running: true as const }, { ok: false, cancelled: true, unknown: true }],
])('with find, the outcome of a cancelled task is known: %j', async (found, outcome) => {
  expect(await cancelled({ find: async () => found, attempts: 1 }, never)).toMatchObject(outcome);
});

test('a task cancelled after its replica died is not run again', async () => {
  let runs = 0;
  await tasks.abandon(await tasks.queue({ n: 1 }, { key: 'it' }));
  expect(await cancel()).toMatchObject({ never_ran: false });
  tasks.start(job({ idempotent: true, run: async () => ++runs }));
  await tasks.ended();
  expect(runs).toBe(0);
  expect(await tasks.results()).toMatchObject([{ ok: false, cancelled: true, unknown: true }]);
});

test('a task with attach waits for what still runs elsewhere', async () => {
  await tasks.abandon(await tasks.queue());
  tasks.start(
    job({
      find: async () => ({ running: true }),
      attach: async ({ attempt }) => attempt * 100,
      run: () => Promise.reject(new Error('a second time')),
    }),
  );
  await tasks.ended();
  expect(await tasks.results()).toMatchObject([{ ok: true, result: 200 }]);
});

test('long tasks never block short ones, and a pool has its declared size', async () => {
  let [long, pool] = [0, 0];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const runner = tasks.start(job({ run: async () => 1 }), {
    others: {
      long: job({ slots: 'long', run: async () => (long++, await held, 2) }),
      pool: job({ slots: { pool: 'few', size: 2 }, run: async () => (pool++, await held, 3) }),
    },
  });
  for (const name of ['long', 'pool']) for (let count = 0; count < 6; count++) await tasks.queue({ n: 0 }, { name });
  runner.wake();
  await until(() => long === 4 && pool === 2);
  await tasks.queue();
  runner.wake();
  await tasks.ended();
  expect([long, pool]).toEqual([4, 2]);
  expect((await tasks.results()).map(({ result }) => result)).toEqual([1]);
  release();
  await tasks.ended(13);
});

test('a handler that locks one task does not delay the heartbeats of the others', async () => {
  const { database } = tasks;
  const holder = randomUUID();
  const ids = [await tasks.queue({ n: 1 }, { key: 'it' }), await tasks.queue()];
  await claimTasks(database.query, holder, { known: ['math double'], limit: 2, now: new Date() });
  await database.query(`update tasks set heartbeat_at = '-infinity'`);
  await database.transaction(async ({ query }) => {
    await cancelTask(query, 'math', 'it');
    const mine = await beatTasks(database.query, holder, ids);
    expect(new Set(mine)).toEqual(new Set(ids.map((id) => ({ id, cancelled: false }))));
  });
  expect(await database.query(`select id from tasks where heartbeat_at > '-infinity'`)).toEqual([{ id: ids[1] }]);
  expect(await beatTasks(database.query, holder, [ids[0] ?? ''])).toEqual([{ id: ids[0], cancelled: true }]);
});

test('find can use the network after a cancellation', async () => {
  const server = createServer((_, response) => response.end('9')).listen(0, '127.0.0.1');
  server.unref();
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const find: TestTask['find'] = async ({ http }) => ({ done: Number(await (await http(url)).text()) });
  try {
    expect(await cancelled({ find, attempts: 1 }, never)).toMatchObject({ ok: true, result: 9 });
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
