import { randomUUID } from 'node:crypto';
import { openDatabase } from '../../../test/harness/database.ts';
import { until } from '../../../test/harness/until.ts';
import { readExcerpt } from '../../web/lines.ts';
import { describeConnector, type ConnectorWorld } from '../conformance.ts';
import { newKey, sendOf } from '../conformance/host.ts';
import type { ConnectorEnvironment } from '../connector.ts';
import { create } from './index.ts';
import { web } from './platform.ts';

/** Messages from people arrive with the pages' own requests: see test/system/web.test.ts. */
async function createWebWorld(): Promise<ConnectorWorld> {
  const { database, close } = await openDatabase();
  let next: 'ordinary' | 'lose' | 'hang' = 'ordinary';
  const query: ConnectorEnvironment['pages']['query'] = async (text, parameters) => {
    const mode = next;
    next = 'ordinary';
    if (mode === 'hang') return new Promise(() => {});
    const rows = await database.query(text, parameters);
    if (mode === 'lose') throw new Error('the connection was lost');
    return rows as never;
  };
  return {
    ...{ room: 'board', accountId: 'bot', missing: randomUUID(), close, people: ['local', 'other'] as const },
    connect: async () => create({ name: 'web', pages: { query, changed: () => {} } }),
    async shown(account = '') {
      const { lines } = await readExcerpt(database.query, { connector: 'web', room: 'board', account });
      return lines.flatMap(({ id, message: { title = '', text = '' }, deleted }) =>
        deleted ? [] : [{ id, text: `${title} ${text}`, mine: true, reactions: [] }],
      );
    },
    loseNextAnswer: async () => void (next = 'lose'),
    hangNext: async () => void (next = 'hang'),
  };
}

describeConnector({
  name: 'web',
  capabilities: web.capabilities({}),
  cannot: [
    ...(['hear', 'catch up', 'echo', 'refuse a request', 'lock the account out', 'cut the line'] as const),
    ...(['rename people', 'post to routes'] as const),
  ],
  setUp: createWebWorld,
});

test('a late edit or second deletion of a deleted message is reported as gone', async () => {
  const { database, close } = await openDatabase();
  const connector = create({ name: 'web', pages: { query: database.query, changed: () => {} } });
  const [part] = connector.render({ text: 'x' }, { ring: false });
  const operation = sendOf('board', part);
  const target = await connector.perform(operation, AbortSignal.timeout(10_000));
  const late = (type: 'edit' | 'delete') =>
    connector.perform({ ...operation, type, key: newKey(), target }, AbortSignal.timeout(10_000));
  expect(await late('delete')).toBe(target);
  await expect(late('edit')).rejects.toMatchObject({ code: 'WB_GONE' });
  await expect(late('delete')).rejects.toMatchObject({ code: 'WB_GONE' });
  await close();
});

test('an edit or deletion that arrives after a later request for the same message changes nothing', async () => {
  const { database, close } = await openDatabase();
  const connector = create({ name: 'web', pages: { query: database.query, changed: () => {} } });
  const soon = (): AbortSignal => AbortSignal.timeout(10_000);
  const { uuid } = newKey();
  const [part] = connector.render({ text: 'first' }, { ring: false });
  const send = { ...sendOf('board', part), key: { uuid, count: 0 } };
  const target = await connector.perform(send, soon());
  const edit = (count: number, text: string) => {
    const [changed = send.part] = connector.render({ text }, { ring: false });
    return connector.perform({ ...send, type: 'edit', key: { uuid, count }, target, part: changed }, soon());
  };
  const remove = (count: number) =>
    connector.perform({ ...send, type: 'delete', key: { uuid, count }, target }, soon());
  const shown = async () => {
    const { lines } = await readExcerpt(database.query, { connector: 'web', room: 'board', account: '' });
    return lines.map(({ message, version, deleted }) => [message.text, version, deleted]);
  };
  await edit(2, 'newer');
  const changedAt = await database.query('select changed_at from web_messages');
  expect([await edit(1, 'older'), await remove(1)]).toEqual([target, target]);
  expect(await shown()).toEqual([['newer', 2, undefined]]);
  expect(await database.query('select changed_at from web_messages')).toEqual(changedAt);
  await remove(3);
  expect([await edit(2, 'older'), await remove(2)]).toEqual([target, target]);
  expect(await shown()).toEqual([[undefined, 3, true]]);
  await close();
});

const WAITING = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;

test("an edit that waited for a later edit's transaction changes nothing", async () => {
  const { database, close } = await openDatabase();
  const connector = create({ name: 'web', pages: { query: database.query, changed: () => {} } });
  const { uuid } = newKey();
  const [part] = connector.render({ text: 'older' }, { ring: false });
  const send = { ...sendOf('board', part), key: { uuid, count: 0 } };
  const target = await connector.perform(send, AbortSignal.timeout(10_000));
  const older = await database.transaction(async ({ query }) => {
    await query(`update web_messages set body = '{"message":{"text":"newer"}}', sends = 2`);
    const late = connector.perform(
      { ...send, type: 'edit', key: { uuid, count: 1 }, target },
      AbortSignal.timeout(10_000),
    );
    await until(async () => (await database.query(WAITING)).length > 0);
    return { late };
  });
  expect(await older.late).toBe(target);
  expect(await database.query('select body, sends from web_messages')).toEqual([
    { body: '{"message":{"text":"newer"}}', sends: 2 },
  ]);
  await close();
});
