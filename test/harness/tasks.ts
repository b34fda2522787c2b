import { randomUUID } from 'node:crypto';
import { createClock } from '../../src/clock.ts';
import type { Database } from '../../src/db/database.ts';
import { createPeople } from '../../src/people/people.ts';
import { z, type Log, type Task, type TaskRun } from '../../src/skill.ts';
import type { CrashPoint } from '../../src/crash-points.ts';
import { TaskRunner } from '../../src/tasks/runner.ts';
import { writeKeyedTask, writeTasks } from '../../src/tasks/task.ts';
import { openDatabase } from './database.ts';
import { until } from './until.ts';

export type TestRun = TaskRun<unknown, { n: number }>;
export type TestTask = Task<unknown, { n: number }, number>;

/** A task of the skill `math` with a number as payload and result. */
export const job = (more: Partial<TestTask> & { run: TestTask['run'] }): TestTask => ({
  payload: z.object({ n: z.number() }),
  result: z.number(),
  done: () => {},
  ...more,
});

export interface OpenTasks {
  readonly database: Database;
  /** A replica that runs `math double`, and other given tasks by name. */
  start(
    task: TestTask,
    more?: {
      query?: Database['query'];
      crashPoint?: (crashPoint: CrashPoint) => void;
      others?: Readonly<Record<string, TestTask>>;
      cancelGraceMs?: number;
    },
  ): TaskRunner;
  queue(payload?: unknown, more?: { key?: string; name?: string }): Promise<string>;
  /** Outcomes so far, in order. */
  results(): Promise<Record<string, unknown>[]>;
  ended(count?: number): Promise<unknown>;
  /** Leaves the task as a replica that died in the middle would. */
  abandon(id: string): Promise<unknown>;
  /** Stops all replicas and deletes all tasks. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A database with the core's tables, and replicas that only run tasks. */
export async function openTasks(): Promise<OpenTasks> {
  const home = await openDatabase();
  const { database } = home;
  const runners: TaskRunner[] = [];
  const tasks: OpenTasks = {
    database,
    start(task, { query, crashPoint = () => {}, others = {}, cancelGraceMs } = {}) {
      const all: Readonly<Record<string, TestTask>> = { double: task, ...others };
      const runner = new TaskRunner({
        database: { ...database, ...(query && { query }) },
        clock: createClock(),
        holder: randomUUID(),
        crashPoint,
        known: () => Object.keys(all).map((name) => `math ${name}`),
        find: (_, name) => ({ task: all[name] as Task<unknown, unknown, unknown>, options: {}, log, needs: ['http'] }),
        secret: async () => 'secret',
        ownUrl: () => 'http://127.0.0.1:1',
        chat: () => ({ members: async () => [], open: async () => undefined, close: async () => {} }),
        people: () => createPeople({ people: {}, timeZone: 'UTC' }),
        room: () => undefined,
        afterCommit: { eventsAccepted: () => {} },
        ...(cancelGraceMs !== undefined && { cancelGraceMs }),
      });
      runners.push(runner);
      runner.start();
      return runner;
    },
    async queue(payload = { n: 21 }, { key, name = 'double' } = {}) {
      const task = { id: randomUUID(), skill: 'math', name, payload: JSON.stringify(payload) };
      if (key !== undefined) return writeKeyedTask(database.query, { ...task, key });
      await writeTasks(database.query, [task]);
      return task.id;
    },
    results: async () =>
      (await database.query<{ payload: string }>(`select payload from events where kind = 'task' order by id`)).map(
        (row) => JSON.parse(row.payload) as Record<string, unknown>,
      ),
    ended: (count = 1) => until(async () => (await tasks.results()).length >= count),
    abandon: (id) =>
      database.query(
        `update tasks set state = 'running', attempt = 1, holder = $2, heartbeat_at = clock_timestamp() - interval '1 hour', started_at = clock_timestamp() where id = $1`,
        [id, randomUUID()],
      ),
    async clear() {
      for (const runner of runners.splice(0)) await runner.stop();
      await database.query('delete from tasks');
      await database.query('delete from events');
    },
    async close() {
      await tasks.clear();
      await home.close();
    },
  };
  return tasks;
}
