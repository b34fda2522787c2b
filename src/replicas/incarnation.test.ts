import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { createdTables } from '../db/migrate.ts';
import type { Log } from '../skill.ts';
import { Incarnation, readDatabaseState, type DatabaseState } from './incarnation.ts';

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let home: OpenDatabase;
beforeAll(async () => {
  home = await openDatabase();
});
afterAll(async () => {
  await home.close();
});

async function startedIncarnation(
  more: { prepare?: () => Promise<void>; onReplaced?: () => Promise<void> } = {},
): Promise<Incarnation> {
  const incarnation = new Incarnation({
    database: home.database,
    log,
    prepare: more.prepare ?? (async () => {}),
    expectedTables: () => createdTables(),
    onReplaced: more.onReplaced ?? (async () => {}),
    onChange: () => {},
  });
  await incarnation.begin();
  return incarnation;
}

const readState = (tables: readonly string[] = []): Promise<DatabaseState> =>
  readDatabaseState(home.database.query, tables);

test('tables that reappear, after they could not be created, are used again', async () => {
  let isDenied = true;
  const incarnation = await startedIncarnation({
    prepare: async () => {
      if (isDenied) throw new Error('permission denied');
    },
  });
  await incarnation.check({ ...(await readState()), missing: ['crons'] });
  isDenied = false;
  await incarnation.check(await readState());
  expect([incarnation.isUsable, incarnation.trouble]).toEqual([true, undefined]);
});

test('reloading the state in memory is retried until it succeeds', async () => {
  let calls = 0;
  const incarnation = await startedIncarnation({
    onReplaced: async () => {
      if (++calls === 1) throw new Error('the configuration could not be stored');
    },
  });
  await home.database.query('update schema_info set incarnation = gen_random_uuid()');
  await incarnation.check(await readState());
  expect([calls, incarnation.isUsable, incarnation.trouble]).toEqual([
    1,
    false,
    'the configuration could not be stored',
  ]);
  await incarnation.check(await readState());
  expect([calls, incarnation.isUsable, incarnation.trouble]).toEqual([2, true, undefined]);
});

test('tables of other programs in the same schema do not matter', async () => {
  await home.database.query('create table elsewhere (id int)');
  const incarnation = await startedIncarnation();
  await home.database.query('drop table elsewhere');
  expect(incarnation.tables).toContain('events');
  expect((await readState(incarnation.tables)).missing).toEqual([]);
});
