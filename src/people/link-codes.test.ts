import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import {
  CODE_LIFE_MS,
  countWrongGuess,
  createCode,
  guessPauseMs,
  hashCode,
  storeCode,
  takeCode,
} from './link-codes.ts';

const NOW = new Date('2026-03-02T10:00:00Z');
const after = (ms: number): Date => new Date(NOW.getTime() + ms);
const MINUTE_MS = 60_000;

test('a code has eight characters that cannot be confused, and no two codes are equal', () => {
  const codes = Array.from({ length: 500 }, createCode);
  for (const code of codes) expect(code).toMatch(/^[346789CDFGHJKMNPQRTVWXY]{4}-[346789CDFGHJKMNPQRTVWXY]{4}$/);
  expect(new Set(codes).size).toBe(codes.length);
});

test('a code may be typed in any case and without the hyphen', () => {
  for (const typed of ['7KQ4-MXRP', '7kq4-mxrp', '7KQ4MXRP', ' 7kq4 mxrp. '])
    expect(hashCode(typed)).toBe(hashCode('7KQ4-MXRP'));
  expect(hashCode('7KQ4-MXRQ')).not.toBe(hashCode('7KQ4-MXRP'));
});

describe('in the database', () => {
  let home: OpenDatabase;
  beforeEach(async () => {
    home = await openDatabase();
  });
  afterEach(() => home.close());
  const { ann, mallory } = {
    ann: { person: 'ann', code: '7KQ4-MXRP' },
    mallory: { connector: 'acme', account: 'U666' },
  };

  test('a code works once until it expires, for one of several concurrent transactions', async () => {
    const { query } = home.database;
    expect(await storeCode(query, ann, NOW)).toEqual(after(CODE_LIFE_MS));
    expect(await takeCode(query, ann.code, after(CODE_LIFE_MS))).toBeUndefined();
    await storeCode(query, ann, NOW);
    const taken = await Promise.all(
      [1, 2, 3].map(() =>
        home.database.transaction((other) => takeCode(other.query, '7kq4mxrp', after(CODE_LIFE_MS - 1))),
      ),
    );
    expect(taken.filter((person) => person !== undefined)).toEqual(['ann']);
  });

  test('only the hash of a code is stored, and a new code replaces the previous one', async () => {
    const { query } = home.database;
    await storeCode(query, ann, NOW);
    await storeCode(query, { person: 'ann', code: 'CDFG-HJKM' }, NOW);
    expect(JSON.stringify(await query('select * from link_codes'))).not.toMatch(/CDFG/i);
    expect(await takeCode(query, ann.code, NOW)).toBeUndefined();
    expect(await takeCode(query, 'CDFG-HJKM', NOW)).toBe('ann');
  });

  test('after five wrong codes an account has to wait until the last one is ten minutes old', async () => {
    const { query } = home.database;
    for (let count = 0; count < 5; count++) {
      expect(await guessPauseMs(query, mallory, after(count * MINUTE_MS))).toBe(0);
      await countWrongGuess(query, mallory, after(count * MINUTE_MS));
    }
    expect(await guessPauseMs(query, mallory, after(5 * MINUTE_MS))).toBe(9 * MINUTE_MS);
    expect(await guessPauseMs(query, { ...mallory, account: 'U1' }, after(5 * MINUTE_MS))).toBe(0);
    expect(await guessPauseMs(query, mallory, after(14 * MINUTE_MS))).toBe(0);
    await countWrongGuess(query, mallory, after(14 * MINUTE_MS));
    expect(await guessPauseMs(query, mallory, after(14 * MINUTE_MS))).toBe(0);
  });
});
