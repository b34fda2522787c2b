import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { Line } from '../../test/harness/line.ts';
import { until } from '../../test/harness/until.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { Notifier, type ChangedRoom } from './notifier.ts';

let home: OpenDatabase;
let database: Database;
const running: Notifier[] = [];
beforeAll(async () => {
  home = await openDatabase();
  database = home.database;
});
afterEach(async () => {
  for (const notifier of running.splice(0)) await notifier.stop();
});
afterAll(async () => {
  await home.close();
});

async function listen(
  name: string,
  to: Database = database,
): Promise<{ notifier: Notifier; heard: ChangedRoom[]; all: () => number }> {
  const heard: ChangedRoom[] = [];
  let all = 0;
  const onChange = (changes: readonly ChangedRoom[] | 'all'): void => {
    if (changes === 'all') all++;
    else heard.push(...changes);
  };
  const notifier = new Notifier(to, name, onChange, { pingEveryMs: 300, reconnectMs: 100 });
  running.push(notifier);
  notifier.others(1);
  await notifier.start();
  return { notifier, heard, all: () => all };
}

test('other replicas are notified of each changed room, however many there are', async () => {
  const a = await listen('a');
  const b = await listen('b');
  const changes = Array.from({ length: 1000 }, (_, n) => ({
    ...{ connector: 'matrix', room: `!room-${n}-ünï:example.org`, queue: n % 2 },
    notBefore: n % 3 === 0 ? new Date(1_800_000_000_000 + n) : null,
  }));
  a.notifier.changed(changes);
  await until(() => b.heard.length === changes.length);
  expect(b.heard).toEqual(changes);
  expect(a.heard).toEqual([]);
});

test('after a reconnect, everything may have changed', async () => {
  const a = await listen('a');
  expect(a.all()).toBe(1);
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`,
  );
  await until(() => a.all() === 2);
});

test('a silently dead connection is replaced', async () => {
  const line = new Line(home.url);
  await line.mend();
  const through = new URL(home.url);
  through.port = String(line.port);
  const far = createDatabase({
    url: async () => ({ connectionString: through.href }),
    poolSize: 1,
    idleInTransactionMs: 5000,
    statementTimeoutMs: 100,
    graceMs: 300,
  });
  try {
    const a = await listen('a', far);
    expect(a.all()).toBe(1);
    line.stall();
    await until(() => a.all() === 2);
    const b = await listen('b');
    b.notifier.changed([{ connector: 'matrix', room: 'r', notBefore: null, queue: 1 }]);
    await until(() => a.heard.length === 1);
    for (const notifier of running.splice(0)) await notifier.stop();
  } finally {
    await line.cut();
    await far.close();
  }
});

test('a notifier stopped during a ping does not ping again', async () => {
  const pings: (() => void)[] = [];
  let breakOff = (): void => {};
  const client = {
    on: () => client,
    query: (text: string) =>
      text === 'select 1'
        ? new Promise((_resolve, reject) => (breakOff = () => reject(new Error('ended'))))
        : undefined,
    end: async () => breakOff(),
  };
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((work: () => void, ms: number) =>
    ms === 5000 ? (pings.push(work), undefined) : real(work, ms)) as never;
  try {
    const notifier = new Notifier({ dedicated: async () => client } as never, 'a', () => {});
    await notifier.start();
    pings[0]?.();
    await notifier.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pings).toHaveLength(1);
  } finally {
    globalThis.setTimeout = real;
  }
});
