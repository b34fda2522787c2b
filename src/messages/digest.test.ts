import { randomUUID } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import type { Database } from '../db/database.ts';
import type { Lease } from '../replicas/lease.ts';
import type { DigestEntry } from './digest-rows.ts';
import { digestMessage, foldRoom, isFoldable } from './digest.ts';

const member = (line: string | null, more: Partial<DigestEntry> = {}): DigestEntry => ({
  id: randomUUID(),
  pending: true,
  version: 1,
  ring_version: 0,
  line,
  removed: false,
  ...more,
});

describe('the content of a digest', () => {
  test('it lists each member once, in order, and counts them in the title', () => {
    const { title, text } = digestMessage([member('one'), member('two')]);
    expect(title).toBe('2 messages combined: this room is rate-limited');
    expect(text).toBe('one\ntwo');
  });

  test('it leaves out members that have been removed', () => {
    const { title, text } = digestMessage([member('one'), member('two', { removed: true }), member(null)]);
    expect(title).toContain('1 message combined');
    expect(text).toBe('one');
  });

  test('it escapes text from outside', () => {
    expect(digestMessage([member('**bold** [x](https://evil.example)')]).text).toBe(
      '\\*\\*bold\\*\\* \\[x\\](https://evil.example)',
    );
  });

  test('it counts what does not fit, and names the command that lists everything', () => {
    const { title, text } = digestMessage(Array.from({ length: 1000 }, (_, index) => member(`alert ${index}`)));
    expect(title).toContain('1000 messages combined');
    const lines = (text ?? '').split('\n');
    expect(lines.slice(0, 600)).toEqual(Array.from({ length: 600 }, (_, index) => `alert ${index}`));
    expect(lines.slice(600)).toEqual(['… and 400 more: say `alerts`']);
  });

  test('it truncates a long line, and a line break in a member adds no line', () => {
    const { text } = digestMessage([member('x'.repeat(5000)), member('a\nb')]);
    expect(text?.split('\n')[0]).toHaveLength(160);
    expect(text?.split('\n')).toHaveLength(2);
  });
});

describe('folding', () => {
  let home: OpenDatabase;
  let database: Database;
  let lease: Lease;
  beforeAll(async () => {
    home = await openDatabase();
    database = home.database;
    await database.query(
      `insert into leases (name, holder, epoch, expires_at) values ('connector:m', $1, 1, 'infinity')`,
      [randomUUID()],
    );
    lease = { name: 'connector:m', epoch: 1, leftMs: () => 10_000, signal: new AbortController().signal };
  });
  beforeEach(() => database.query('delete from messages'));
  afterAll(async () => {
    await home.close();
  });

  let position = 0;
  const add = async (more: { line?: string | null; queue?: number; attempt?: string; delivered?: number } = {}) => {
    const id = randomUUID();
    await database.query(
      `insert into messages (id, connector, room, skill, key, queue, position, content, line, attempt, delivered_version, delivered_ring, version) values ($1, 'm', 'r', 's', 'key ' || $3::bigint, $2, $3::bigint, '{}', $4, $5, $6, $7, $8)`,
      [
        id,
        more.queue ?? 1,
        ++position,
        more.line === undefined ? `line ${position}` : more.line,
        more.attempt ?? null,
        more.delivered ?? 0,
        more.delivered === undefined ? -1 : 0,
        (more.delivered ?? 0) + 1,
      ],
    );
    return id;
  };
  const folded = async (): Promise<string[]> =>
    (await database.query<{ id: string }>('select id from messages where fold is not null order by position')).map(
      ({ id }) => id,
    );
  const digests = () =>
    database.query<{ id: string; queue: number; position: number; ring_version: number }>(
      'select id, queue, position, ring_version from messages where digest',
    );
  const fold = (by = lease): Promise<number> => foldRoom(database, by, 'm', 'r');

  test('more than five messages are folded, and later ones join a digest that has not been attempted', async () => {
    for (let count = 0; count < 5; count++) await add();
    expect(await fold()).toBe(0);
    await add();
    expect(await fold()).toBe(6);
    await add();
    expect(await fold()).toBe(1);
    expect(await folded()).toHaveLength(7);
    expect(await digests()).toHaveLength(1);
  });

  test('a digest that has been attempted takes no more messages', async () => {
    for (let count = 0; count < 6; count++) await add();
    await fold();
    await database.query(`update messages set attempt = '{}' where digest`);
    await add();
    expect(await fold()).toBe(0);
    expect(await folded()).toHaveLength(6);
  });

  test('messages that were attempted, are shown, or have no line are never folded', async () => {
    const kept = [await add({ attempt: '{}' }), await add({ delivered: 1 }), await add({ line: null })];
    for (let count = 0; count < 6; count++) await add();
    expect(await fold()).toBe(6);
    for (const id of kept) expect(await folded()).not.toContain(id);
  });

  test('messages with a time, a thread or a message they reply to are never folded', async () => {
    const kept = [await add(), await add(), await add(), await add()];
    const own = [
      `not_before = now() + interval '1 day'`,
      `until = now() + interval '1 day'`,
      `thread_key = 'key 1'`,
      `reply_to = 'x'`,
    ];
    for (const [index, is] of own.entries())
      await database.query(`update messages set ${is} where id = $1`, [kept[index]]);
    for (let count = 0; count < 6; count++) await add();
    expect(await fold()).toBe(6);
    for (const id of kept) expect(await folded()).not.toContain(id);
  });

  test('a check without locks tells whether anything would be folded', async () => {
    const foldable = (): Promise<boolean> => isFoldable(database.query, 'm', 'r');
    for (let count = 0; count < 5; count++) await add();
    expect(await foldable()).toBe(false);
    await add();
    expect(await foldable()).toBe(true);
    await fold();
    expect(await foldable()).toBe(false);
    await add();
    expect(await foldable()).toBe(true);
  });

  test('a digest has the urgency of its most urgent member, the place of its first, and rings', async () => {
    const begin = position + 1;
    await add();
    await add({ queue: 0 });
    for (let count = 0; count < 5; count++) await add();
    await fold();
    expect(await digests()).toMatchObject([{ queue: 0, position: begin, ring_version: 1 }]);
  });

  test('a replica that lost the lease folds nothing', async () => {
    for (let count = 0; count < 6; count++) await add();
    await expect(fold({ ...lease, epoch: 0 })).rejects.toMatchObject({ code: 'WB_LEASE_LOST' });
    expect(await folded()).toEqual([]);
    expect(await digests()).toEqual([]);
  });
});
