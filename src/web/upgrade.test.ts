import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createDatabase, type TestDatabase } from '../../test/harness/postgres.ts';
import { createClock } from '../clock.ts';
import { createAccept } from '../connections/accept-routes.ts';
import { createDatabase as connect, type Database } from '../db/database.ts';
import { readMigrations } from '../db/migrate.ts';
import { createWebChat } from './chat-store.ts';

const MIGRATIONS = join(import.meta.dirname, '../db/migrations');
/** The migration that moves the web chat to its new tables. */
const WEB_MIGRATION = 8;

let home: TestDatabase;
let database: Database;
beforeEach(async () => {
  home = await createDatabase();
  database = connect({
    url: async () => ({ connectionString: home.url }),
    ...{ poolSize: 2, idleInTransactionMs: 30_000, statementTimeoutMs: 30_000 },
  });
});
afterEach(async () => {
  await database.close();
  await home.drop();
});

/** Creates a database as of the previous build, and applies the later migrations. */
async function upgrade(rows: readonly object[]): Promise<void> {
  const migrations = await readMigrations(MIGRATIONS);
  const apply = async (isMeant: (number: number) => boolean): Promise<void> => {
    for (const { number, sql } of migrations)
      if (isMeant(number)) await database.transaction(({ script }) => script(sql));
  };
  await apply((number) => number < WEB_MIGRATION);
  for (const row of rows)
    await database.query(
      `insert into messages (id, connector, room, skill, key, queue, content, version, delivered_version, delivered_ring, sends, copies, not_before, removed, fold, shown_actions)
       select id, connector, 'board', 'probe', key, 1, content, 3, coalesce(delivered, 3), 0, coalesce(sends, 0), coalesce(copies, '[]'), "notBefore", coalesce(removed, false), fold, actions
       from json_to_record($1) as given (id uuid, connector text, key text, content text, delivered int, sends int, copies text, "notBefore" timestamptz, removed bool, fold uuid, actions text)`,
      [JSON.stringify({ id: randomUUID(), connector: 'web', content: '{}', ...row })],
    );
  await apply((number) => number >= WEB_MIGRATION);
}

test('after an upgrade the web chat still shows its messages, with working buttons, and they can be edited', async () => {
  const id = randomUUID();
  const action = { label: 'Ack', emoji: '👀', command: 'ack 12' };
  await upgrade([
    { id, key: 'alert', content: JSON.stringify({ text: 'pods crash', actions: [action] }) },
    { content: JSON.stringify({ text: 'no \u0000 text' }) },
    { content: '{"text":"taken away"}', removed: true },
    { content: '{"text":"tomorrow"}', notBefore: new Date(Date.now() + 86_400_000) },
    {
      connector: 'matrix',
      content: '{"text":"sent"}',
      sends: 1,
      copies: '[{"ring":0,"parts":[]}]',
      actions: '[{"command":"close"}]',
    },
    { connector: 'matrix', content: '{"text":"in a digest"}', fold: randomUUID() },
    { connector: 'matrix', content: '{"text":"waits"}', delivered: 0 },
  ]);
  const chat = createWebChat({
    ...{ database, now: () => new Date(), connector: () => 'web' },
    rooms: () => ({ all: () => [], byName: () => undefined, byAddress: () => undefined }),
    accept: createAccept({
      database,
      clock: createClock(),
      crashPoint: () => {},
      afterCommit: { urgentAccepted: () => {} },
    }),
  });
  const { lines } = await chat.earlier('board', 1_000_000);
  chat.close();
  expect(lines).toMatchObject([
    { id, message: { text: 'pods crash', actions: [action] }, press: { message: id, version: 3 } },
    { message: { text: 'no \u0000 text' } },
  ]);
  expect(
    await database.query(
      `select substr(content, 10, 4) as text, pending, sends, offered from messages where sends > 0 or pending order by position`,
    ),
  ).toEqual([
    { text: 'pods', pending: false, sends: 1, offered: expect.stringContaining('ack 12') },
    { text: 'no \\', pending: false, sends: 1, offered: '[{"version" : 3, "actions" : []}]' },
    { text: 'tomo', pending: true, sends: 0, offered: null },
    { text: 'sent', pending: false, sends: 1, offered: '[{"version" : 3, "actions" : [{"command":"close"}]}]' },
    { text: 'wait', pending: true, sends: 0, offered: null },
  ]);
  expect(await database.query('select message_id from message_remotes where remote_id = $1', [id])).toEqual([
    { message_id: id },
  ]);
});
