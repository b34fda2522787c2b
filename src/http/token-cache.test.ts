import { createLogger } from '../log.ts';
import { hashSecret, isOneOf } from './credentials.ts';
import { createTokenCache } from './token-cache.ts';

const log = createLogger({ level: 'silent' });

test('tokens are read once a second, and a rotated one counts from then on', async () => {
  let nowMs = 0;
  let reads = 0;
  let tokens = ['old'];
  const cache = createTokenCache(log, () => nowMs);
  const target = { tokens: async () => (reads++, tokens) };
  await Promise.all([cache.hashesOf('a', target), cache.hashesOf('a', target)]);
  tokens = ['new'];
  nowMs = 999;
  expect(isOneOf(await cache.hashesOf('a', target), 'old')).toBe(true);
  expect(reads).toBe(1);
  nowMs = 1_000;
  expect(await cache.hashesOf('a', target)).toEqual([hashSecret('new')]);
  expect(reads).toBe(2);
});

test('while the file is being replaced the tokens known so far stay good; never read ones open nothing', async () => {
  let nowMs = 0;
  let isReadable = false;
  const target = {
    tokens: async () => {
      if (!isReadable) throw new Error('ENOENT');
      return ['secret'];
    },
  };
  const cache = createTokenCache(log, () => nowMs);
  await expect(cache.hashesOf('a', target)).rejects.toThrow('ENOENT');
  isReadable = true;
  await cache.hashesOf('a', target);
  isReadable = false;
  nowMs = 5_000;
  expect(isOneOf(await cache.hashesOf('a', target), 'secret')).toBe(true);
});
