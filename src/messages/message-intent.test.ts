import { randomUUID } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { isRerunError, type Database, type Transaction } from '../db/database.ts';
import { lockMessages, writeIntents } from './write-intents.ts';
import { mergeIntents, type MessageIntent } from './message-intent.ts';

let home: OpenDatabase;
let database: Database;
beforeAll(async () => {
  home = await openDatabase();
  database = home.database;
});
beforeEach(() => database.query('delete from messages'));
afterAll(() => home.close());

const intents = (key: string | null, text: string, more: Partial<MessageIntent> = {}): MessageIntent => ({
  ...{ id: randomUUID(), connector: 'c', room: 'r', skill: 's', key, queue: 1, content: text, line: null, ring: false },
  ...{ notBefore: null, until: null, threadKey: null, replyTo: null, thread: null, notify: 'none' },
  ...{ eventId: null, removed: false, ...more },
});
const write = async ({ query }: Transaction, ...given: MessageIntent[]) => {
  const all = mergeIntents(given);
  return writeIntents(query, all, await lockMessages(query, all));
};
const say = (...given: MessageIntent[]) => database.transaction((transaction) => write(transaction, ...given));
const shownAs = () =>
  database.query<{ key: string | null; content: string; version: number }>(
    'select key, content, version from messages order by position',
  );

test('messages of one transaction appear in the order in which they were posted, whether new or changed', async () => {
  await say(intents('b', 'b1'));
  await database.query('update messages set delivered_version = version');
  await say(intents('c', 'c1'), intents(null, 'said'), intents('b', 'b2'), intents('a', 'a1'));
  expect(await shownAs()).toEqual([
    { key: 'c', content: 'c1', version: 1 },
    { key: null, content: 'said', version: 1 },
    { key: 'b', content: 'b2', version: 2 },
    { key: 'a', content: 'a1', version: 1 },
  ]);
});

test('writing returns the rooms where something is waiting now, and from what time', async () => {
  await say(intents('a', 'same'));
  const later = new Date('2100-01-01');
  const woken = await say(intents('a', 'same'), intents('b', 'x', { room: 'later', notBefore: later, queue: 0 }));
  expect(woken).toEqual([{ connector: 'c', room: 'later', queue: 0, notBefore: later }]);
});

test('half an emoji in a line is replaced', async () => {
  await say(intents('a', 'x', { line: `cut \ud83d` }));
  expect(await database.query('select line from messages')).toEqual([{ line: 'cut \ufffd' }]);
});

test('when two transactions create the same key at once, the second is rerun and changes the existing row', async () => {
  let second: Promise<unknown> = Promise.resolve();
  await database.transaction(async (transaction) => {
    await write(transaction, intents('k', 'first'));
    const asked = Promise.withResolvers<void>();
    second = database
      .transaction(async (other) => {
        const all = [intents('k', 'second')];
        const existing = await lockMessages(other.query, all);
        asked.resolve();
        await writeIntents(other.query, all, existing);
      })
      .catch((error: unknown) => error);
    await asked.promise;
  });
  expect(isRerunError(await second)).toBe(true);
  await say(intents('k', 'second'));
  expect(await shownAs()).toEqual([{ key: 'k', content: 'second', version: 2 }]);
});
