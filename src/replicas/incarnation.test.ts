import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { tablesMade } from '../db/migrate.ts';
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

async function begun(more: { prepare?: () => Promise<void>; onAnew?: () => Promise<void> } = {}): Promise<Incarnation> {
  const incarnation = new Incarnation({
    database: home.database,
    log,
    prepare: more.prepare ?? (async () => {}),
    made: () => tablesMade(),
    onAnew: more.onAnew ?? (async () => {}),
    onChange: () => {},
  });
  await incarnation.begin();
  return incarnation;
}

const ground = (tables: readonly string[] = []): Promise<DatabaseState> =>
  readDatabaseState(home.database.query, tables);

test('tables that come back by themselves, after they could not be made, are used again', async () => {
  let isDenied = true;
  const incarnation = await begun({
    prepare: async () => {
      if (isDenied) throw new Error('permission denied');
    },
  });
  await incarnation.found({ ...(await ground()), missing: ['crons'] });
  isDenied = false;
  await incarnation.found(await ground());
  expect([incarnation.isUsable, incarnation.trouble]).toEqual([true, undefined]);
});

test('what is in memory is taken up anew until that has worked', async () => {
  let calls = 0;
  const incarnation = await begun({
    onAnew: async () => {
      if (++calls === 1) throw new Error('the configuration could not be stored');
    },
  });
  await home.database.query('update schema_info set incarnation = gen_random_uuid()');
  await incarnation.found(await ground());
  expect([calls, incarnation.isUsable, incarnation.trouble]).toEqual([
    1,
    false,
    'the configuration could not be stored',
  ]);
  await incarnation.found(await ground());
  expect([calls, incarnation.isUsable, incarnation.trouble]).toEqual([2, true, undefined]);
});

test("other programs' tables in the same schema may come and go", async () => {
  await home.database.query('create table elsewhere (id int)');
  const incarnation = await begun();
  await home.database.query('drop table elsewhere');
  expect(incarnation.tables).toContain('events');
  expect((await ground(incarnation.tables)).missing).toEqual([]);
});
