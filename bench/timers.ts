import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Bench } from './harness/bench.ts';
import { monotonicMs } from './harness/clock.ts';
import { percentile, short } from './harness/numbers.ts';
import { ANN, processorUsed, type World } from './harness/world.ts';

const LATE_MS = 250;
const AT_ONCE_S = 5;
const WAITING = 100_000;
/** Idle CPU usage fluctuates: a difference up to this share of a core is ignored. */
const IDLE_SLACK = 0.02;

const PROBE = `import { defineSkill, defineTimer, z } from '#skill';
export default defineSkill({
  name: 'probe',
  commands: {
    'arm {batch} {n:int} {after:int} {spread:int}': {
      help: 'sets timers',
      late: 'run',
      run: async ({ args, at, now }) => {
        for (let i = 0; i < args.n; i++) await at(args.batch + '-' + i, new Date(now.getTime() + args.after + (args.spread * i) / args.n), 'fire', {});
      },
    },
  },
  timers: {
    fire: defineTimer({ payload: z.object({}), run: ({ post }, fired) => post('board', fired.key, 'fired ' + fired.key) }),
  },
});
`;

interface Batch {
  readonly name: string;
  readonly count: number;
  readonly spreadMs: number;
}

/** Timers on the normal path: set by a command, fired, handled, each writing one message; lateness is from due to the handler's commit. */
export const timers: Bench = async (stage) => {
  const [some, many, idleMs] = stage.quick ? [300, 600, 1000] : [2000, 10_000, 10_000];
  const skills = join(await stage.directory('skills'), 'probe');
  await mkdir(skills, { recursive: true });
  await writeFile(join(skills, 'index.ts'), PROBE);
  const world = await stage.startWorld('bell', {
    connectors: { web: {} },
    rooms: { board: { in: { web: 'board' } } },
    skillDirectories: [join(skills, '..')],
  });
  await fire(world, { name: 'warm', count: Math.min(some, 500), spreadMs: 1000 });
  world.program.profileFromNow();

  const rounds = stage.quick ? 1 : 2;
  const late: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    late.push(...(await fire(world, { name: `spread${round}`, count: some, spreadMs: 1000 })));
    bare.push(...(await bareTimers(world.databaseUrl, some)));
  }
  const instant = await fire(world, { name: 'instant', count: many, spreadMs: 0 });

  const before = {
    idle: await idleShare(world, idleMs),
    late: await fire(world, { name: 'before', count: 200, spreadMs: 1000 }),
  };
  await world.query(
    `insert into timers (id, skill, key, name, payload, due_at)
     select gen_random_uuid(), 'probe', 'waiting-' || n, 'fire', '{}', now() + interval '1 day' + n * interval '1 second' from generate_series(1, $1) n`,
    [WAITING],
  );
  const after = {
    idle: await idleShare(world, idleMs),
    late: await fire(world, { name: 'after', count: 200, spreadMs: 1000 }),
  };

  const p99 = percentile(late, 0.99);
  const lastS = Math.max(...instant) / 1000;
  return {
    rows: [
      {
        benchmark: `timers: ${some} due spread over 1 s, p99 from due to committed`,
        ours: `${short(p99)} ms`,
        peer: `${short(percentile(bare, 0.99))} ms, setTimeout + one INSERT each`,
        ratio: short(p99 / percentile(bare, 0.99)),
        target: `≤ ${LATE_MS} ms`,
        met: p99 <= LATE_MS,
      },
      {
        benchmark: `timers: ${many} due at one instant, until the last is committed`,
        ours: `${short(lastS)} s`,
        peer: 'limit',
        ratio: short(lastS / AT_ONCE_S),
        target: `≤ ${AT_ONCE_S} s`,
        met: lastS <= AT_ONCE_S,
      },
      {
        benchmark: `timers: CPU used when idle, ${short(WAITING)} waiting`,
        ours: `${short(after.idle * 100)} % of a core`,
        peer: `${short(before.idle * 100)} %, none waiting`,
        ratio: short(after.idle / before.idle),
        target: 'no more',
        met: after.idle <= before.idle + IDLE_SLACK,
      },
      {
        benchmark: `timers: p99 lateness of 200 in 1 s, ${short(WAITING)} waiting`,
        ours: `${short(percentile(after.late, 0.99))} ms`,
        peer: `${short(percentile(before.late, 0.99))} ms, none waiting`,
        ratio: short(percentile(after.late, 0.99) / percentile(before.late, 0.99)),
        target: `≤ ${LATE_MS} ms`,
        met: percentile(after.late, 0.99) <= LATE_MS,
      },
    ],
    notes: [
      `timers: p50 lateness of the ${some} ${short(percentile(late, 0.5))} ms, most ${short(Math.max(...late))} ms; idle counts the program and Postgres together.`,
    ],
  };
};

/** Sets a batch by a command and resolves, when all are handled, to how late each was, in ms. */
async function fire(world: World, { name, count, spreadMs }: Batch): Promise<number[]> {
  const afterMs = 500 + count / 3;
  await world.homeserver.say(ANN, world.room, `!arm ${name} ${count} ${Math.round(afterMs)} ${spreadMs}`);
  const deadlineMs = monotonicMs() + afterMs + 60_000;
  for (;;) {
    await sleep(250);
    const [done] = await world.query<{ count: number }>(
      `select count(*)::int as count from events where source = 'timer' and state <> 'new' and key like $1`,
      [`${name}-%`],
    );
    if (done?.count === count) break;
    if (monotonicMs() > deadlineMs)
      throw new Error(`${done?.count} of ${count} timers of ${name} were handled in time`);
  }
  await world.settled();
  const rows = await world.query<{ late: number }>(
    `select extract(epoch from handled_at - happened_at)::float8 * 1000 as late from events where source = 'timer' and state = 'done' and result = 'ok' and key like $1`,
    [`${name}-%`],
  );
  if (rows.length !== count) throw new Error(`${rows.length} of ${count} timers of ${name} succeeded`);
  return rows.map((row) => row.late);
}

/** The minimum cost of a durable timer: one `setTimeout` each, with one INSERT on a pool of ten. */
async function bareTimers(databaseUrl: string, count: number): Promise<number[]> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  await pool.query('create table if not exists bare_timers (key text not null)');
  const begunMs = monotonicMs() + 500;
  const late = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const dueMs = begunMs + (1000 * index) / count;
      await sleep(dueMs - monotonicMs());
      await pool.query('insert into bare_timers (key) values ($1)', [`bare-${index}`]);
      return monotonicMs() - dueMs;
    }),
  );
  await pool.end();
  return late;
}

/** Share of one core that the program and Postgres use when idle. */
async function idleShare(world: World, ms: number): Promise<number> {
  await sleep(500);
  const before = await world.processorTimes();
  await sleep(ms);
  const used = processorUsed(before, await world.processorTimes());
  return ((used.program + used.postgres) * 1000) / ms;
}
