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

describe('what a digest says', () => {
  test('each member is named once, in order, and counted in the title', () => {
    const { title, text } = digestMessage([member('one'), member('two')]);
    expect(title).toContain('2 at once');
    expect(text).toBe('one\ntwo');
  });

  test('members that were taken away meanwhile are left out', () => {
    const { title, text } = digestMessage([member('one'), member('two', { removed: true }), member(null)]);
    expect(title).toContain('1 at once');
    expect(text).toBe('one');
  });

  test('what comes from outside is shown as it is', () => {
    expect(digestMessage([member('**bold** [x](https://evil.example)')]).text).toBe(
      '\\*\\*bold\\*\\* \\[x\\](https://evil.example)',
    );
  });

  test('what does not fit is counted, with the command that lists it', () => {
    const { title, text } = digestMessage(Array.from({ length: 1000 }, (_, index) => member(`alert ${index}`)));
    expect(title).toContain('1000 at once');
    const lines = (text ?? '').split('\n');
    expect(lines.slice(0, 600)).toEqual(Array.from({ length: 600 }, (_, index) => `alert ${index}`));
    expect(lines.slice(600)).toEqual(['… and 400 more: say `alerts`']);
  });

  test('a long line is cut, and a line end in it adds no line', () => {
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

  test('a few are not folded, many are, and more of them join a digest that was not tried yet', async () => {
    for (let count = 0; count < 5; count++) await add();
    expect(await fold()).toBe(0);
    await add();
    expect(await fold()).toBe(6);
    await add();
    expect(await fold()).toBe(1);
    expect(await folded()).toHaveLength(7);
    expect(await digests()).toHaveLength(1);
  });

  test('a digest that was tried takes nobody in any more', async () => {
    for (let count = 0; count < 6; count++) await add();
    await fold();
    await database.query(`update messages set attempt = '{}' where digest`);
    await add();
    expect(await fold()).toBe(0);
    expect(await folded()).toHaveLength(6);
  });

  test('what was tried, shown, or has no line of its own is never folded', async () => {
    const kept = [await add({ attempt: '{}' }), await add({ delivered: 1 }), await add({ line: null })];
    for (let count = 0; count < 6; count++) await add();
    expect(await fold()).toBe(6);
    for (const id of kept) expect(await folded()).not.toContain(id);
  });

  test('what has a time or a place of its own is never folded', async () => {
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

  test('a look says beforehand whether anything would be folded', async () => {
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

  test('a digest is as urgent as the most urgent in it, comes where its first was, and rings', async () => {
    const begin = position + 1;
    await add();
    await add({ queue: 0 });
    for (let count = 0; count < 5; count++) await add();
    await fold();
    expect(await digests()).toMatchObject([{ queue: 0, position: begin, ring_version: 1 }]);
  });

  test('whoever does not hold the lease any more folds nothing', async () => {
    for (let count = 0; count < 6; count++) await add();
    await expect(fold({ ...lease, epoch: 0 })).rejects.toMatchObject({ code: 'WB_LEASE_LOST' });
    expect(await folded()).toEqual([]);
    expect(await digests()).toEqual([]);
  });
});
