import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { createAccept } from '../connectors/accept.ts';
import { createClock } from '../clock.ts';
import { createWebChat } from './chat-store.ts';

let home: OpenDatabase;
beforeEach(async () => {
  home = await openDatabase();
});
afterEach(() => home.close());

/** A database as the build before left it, and the migration over it. */
async function upgrade(rows: readonly object[]): Promise<void> {
  const { database } = home;
  await database.transaction(async ({ query, script }) => {
    await script(`drop table web_messages; alter table messages drop column offered;
      alter table message_remotes drop column room, add primary key (connector, remote_id);
      create index messages_local_due on messages (connector, room, not_before) where not_before is not null and not pending and sends = 0`);
    for (const row of rows)
      await query(
        `insert into messages (id, connector, room, skill, key, queue, content, version, delivered_version, delivered_ring, sends, copies, not_before, removed, fold, shown_actions)
         select id, connector, 'board', 'probe', key, 1, content, 3, coalesce(delivered, 3), 0, coalesce(sends, 0), coalesce(copies, '[]'), "notBefore", coalesce(removed, false), fold, actions
         from json_to_record($1) as given (id uuid, connector text, key text, content text, delivered int, sends int, copies text, "notBefore" timestamptz, removed bool, fold uuid, actions text)`,
        [JSON.stringify({ id: randomUUID(), connector: 'web', content: '{}', ...row })],
      );
  });
  await database.transaction(async ({ script }) =>
    script(await readFile(join(import.meta.dirname, '../db/migrations/008-web-messages.sql'), 'utf8')),
  );
}

test('what the web chat showed is on its pages after an upgrade, with its buttons, and can be changed', async () => {
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
    ...{ database: home.database, now: () => new Date(), connector: () => 'web' },
    rooms: () => ({ all: () => [], byName: () => undefined, byAddress: () => undefined }),
    accept: createAccept({ database: home.database, clock: createClock(), step: () => {}, onHeard: () => {} }),
  });
  const { lines } = await chat.earlier('board', 1_000_000);
  chat.close();
  expect(lines).toMatchObject([
    { id, message: { text: 'pods crash', actions: [action] }, press: { message: id, version: 3 } },
    { message: { text: 'no \u0000 text' } },
  ]);
  expect(
    await home.database.query(
      `select substr(content, 10, 4) as text, pending, sends, offered from messages where sends > 0 or pending order by position`,
    ),
  ).toEqual([
    { text: 'pods', pending: false, sends: 1, offered: expect.stringContaining('ack 12') },
    { text: 'no \\', pending: false, sends: 1, offered: '[{"version" : 3, "actions" : []}]' },
    { text: 'tomo', pending: true, sends: 0, offered: null },
    { text: 'sent', pending: false, sends: 1, offered: '[{"version" : 3, "actions" : [{"command":"close"}]}]' },
    { text: 'wait', pending: true, sends: 0, offered: null },
  ]);
  expect(await home.database.query('select message_id from message_remotes where remote_id = $1', [id])).toEqual([
    { message_id: id },
  ]);
});
