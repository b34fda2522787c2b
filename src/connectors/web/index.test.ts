import { randomUUID } from 'node:crypto';
import { openDatabase } from '../../../test/harness/database.ts';
import { readExcerpt } from '../../web/lines.ts';
import { newKey, sendOf } from '../conformance/host.ts';
import { describeConnector, type ConnectorWorld } from '../conformance.ts';
import type { ConnectorEnvironment } from '../connector.ts';
import { create } from './index.ts';
import { web } from './platform.ts';

/** What people say there comes in with the pages' own requests: see test/system/web.test.ts. */
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

test('what was deleted is gone for an edit that comes late, and for a second deletion', async () => {
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
