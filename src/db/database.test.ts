import { readFile } from 'node:fs/promises';
import { Line } from '../../test/harness/line.ts';
import { createDatabase as emptyDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { until } from '../../test/harness/until.ts';
import { createDatabase, type Database } from './database.ts';

let empty: TestDatabase;
let database: Database;
let url: () => Promise<{ connectionString: string }>;
beforeEach(async () => {
  empty = await emptyDatabase();
  url = async () => ({ connectionString: empty.url });
  database = createDatabase({
    url: () => url(),
    poolSize: 1,
    idleInTransactionMs: 30_000,
    statementTimeoutMs: 30_000,
  });
});
afterEach(async () => {
  await database.close();
  await empty.drop();
});

/** Makes the server end the current session. */
const cut = (): Promise<unknown> =>
  database.query('select pg_terminate_backend(pg_backend_pid())').catch((error: unknown) => error);

test('of statements sent together, the error of the first that failed is reported', async () => {
  const work = database.transaction(async ({ query }) => {
    const first = query('select 1 / $1::int', [0]);
    const behind = [query('select $1::int + 1', [1]), query('select $1::int + 1', [2])];
    await Promise.allSettled([first, ...behind]);
    await query('select $1::int + 1', [3]);
  });
  await expect(work).rejects.toMatchObject({ code: '22012' });
});

test('an error before a rollback to a savepoint is not reported for a later failure', async () => {
  const work = database.transaction(async ({ query, script }) => {
    await script('savepoint here');
    await query('select 1 / $1::int', [0]).catch(() => {});
    await script('rollback to savepoint here');
    const first = query(`select $1::text::date`, ['never']);
    const behind = query('select $1::int + 1', [1]);
    await Promise.allSettled([first, behind]);
    await query('select $1::int + 1', [2]);
  });
  await expect(work).rejects.toMatchObject({ code: '22007' });
});

test('a password that could not be read once does not hide the next outage', async () => {
  const states: boolean[] = [];
  database.onAvailability((available) => void states.push(available));
  const reachable = url;
  await database.query('select 1');
  url = async () => {
    throw new Error('EACCES');
  };
  await cut();
  await until(() => states.at(-1) === false);
  url = reachable;
  await until(() => states.at(-1) === true);
  await database.query('select 1');
  url = async () => ({ connectionString: empty.url.replace(/:\d+\//, ':1/') });
  await cut();
  await until(() => states.length === 3);
  expect(states).toEqual([false, true, false]);
  url = reachable;
  await until(() => database.available);
});

test('when a server vanishes silently, one call fails, not one per open connection', async () => {
  const line = new Line(empty.url);
  await line.mend();
  const through = new URL(empty.url);
  through.port = String(line.port);
  const far = createDatabase({
    url: async () => ({ connectionString: through.href }),
    poolSize: 3,
    idleInTransactionMs: 5000,
    statementTimeoutMs: 200,
  });
  try {
    await Promise.all([1, 2, 3].map(() => far.query('select pg_sleep(0.05)')));
    line.stall();
    await expect(far.query('select 1')).rejects.toMatchObject({ code: 'WB_DATABASE_AWAY' });
    await until(() => far.query('select 1 as one').then(() => true), 4000);
  } finally {
    await line.cut();
    await far.close();
  }
});

(process.platform === 'linux' ? test : test.skip)(
  'TCP keepalive checks the server within 30 s during a long statement',
  async () => {
    await database.connection(async ({ query }) => {
      const [row] = await query<{ port: number }>('select inet_client_port() as port');
      const end = `:${row?.port.toString(16).toUpperCase().padStart(4, '0')}`;
      const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
      // Kind of the timer (2: keepalive), and when it fires, in hundredths of a second.
      const [kind, when] = sockets.find(([, local]) => local?.endsWith(end))?.[5]?.split(':') ?? [];
      expect(kind).toBe('02');
      expect(Number.parseInt(when ?? '', 16) / 100).toBeLessThanOrEqual(30);
    });
  },
);
