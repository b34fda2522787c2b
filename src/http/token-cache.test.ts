import { createLogger } from '../log.ts';
import { hashSecret, isOneOf } from './credentials.ts';
import type { IntakeTarget } from './intake.ts';
import { TokenCache } from './token-cache.ts';

/** What the files hold: a value, nothing (gone or emptied), or an error that stands in the way. */
type Files = Record<string, string | undefined | Error>;

let nowMs = 0;
let written: string[] = [];
let reads = 0;
let files: Files = {};
/** What happens while the cache waits before it looks again. */
let meanwhile: () => void = () => {};
let cache: TokenCache;

beforeEach(() => {
  nowMs = 0;
  written = [];
  reads = 0;
  meanwhile = () => {};
  cache = new TokenCache({
    log: createLogger({ level: 'info', destination: { write: (line) => void written.push(line) } }),
    nowMs: () => nowMs,
    wait: async () => meanwhile(),
  });
});

const targetOf = (...names: string[]): IntakeTarget => ({
  verify: {
    bearer: names.map((name) => ({
      name,
      read: async () => {
        reads++;
        const found = files[name];
        if (found instanceof Error) throw found;
        return found;
      },
    })),
  },
});

async function opens(target: IntakeTarget, secret: string): Promise<boolean> {
  return isOneOf((await cache.of('a', target)).accepted, hashSecret(secret));
}

test('tokens are read once a second, and a rotated one counts from then on', async () => {
  const target = targetOf('token');
  files = { token: 'old' };
  await Promise.all([cache.of('a', target), cache.of('a', target)]);
  files = { token: 'new' };
  nowMs = 999;
  expect(await opens(target, 'old')).toBe(true);
  expect(reads).toBe(1);
  nowMs = 1_000;
  expect([await opens(target, 'new'), await opens(target, 'old')]).toEqual([true, false]);
  expect(reads).toBe(2);
});

test.each([
  ['removed', undefined],
  ['emptied', ''],
])('a token whose file is %s is revoked within a second, and the one beside it stays good', async (_how, left) => {
  const target = targetOf('token', 'next');
  files = { token: 'leaked', next: 'fresh' };
  expect(await opens(target, 'leaked')).toBe(true);
  files = { token: left, next: 'fresh' };
  nowMs = 1_000;
  expect([await opens(target, 'leaked'), await opens(target, 'fresh')]).toEqual([false, true]);
  expect(await cache.of('a', target)).toMatchObject({ isUnsure: false });
});

test('the only token that is revoked leaves nothing that opens, and nothing to wait for', async () => {
  const target = targetOf('token');
  files = { token: 'leaked' };
  await opens(target, 'leaked');
  files = {};
  nowMs = 3_600_000; // nobody asked for an hour
  expect(await cache.of('a', target)).toMatchObject({ accepted: [], isUnsure: false });
});

test('of two tokens, one not there yet: rotation goes on, by the one that can be read', async () => {
  const target = targetOf('token', 'next');
  files = { token: 'old' };
  expect([await opens(target, 'old'), await opens(target, 'new')]).toEqual([true, false]);
  files = { token: 'old', next: 'new' };
  nowMs = 1_000;
  expect([await opens(target, 'old'), await opens(target, 'new')]).toEqual([true, true]);
});

test('a file that is empty for a moment, while it is written in place, revokes nothing', async () => {
  const target = targetOf('token');
  files = { token: 'secret' };
  await opens(target, 'secret');
  files = { token: '' };
  meanwhile = () => (files = { token: 'secret' });
  nowMs = 3_600_000;
  expect(await opens(target, 'secret')).toBe(true);
  expect(written).toEqual([]);
});

test('one that is there and cannot be read stays good for 10 seconds; then nobody can tell, and nobody gets in', async () => {
  const target = targetOf('token', 'next');
  files = { token: 'secret', next: 'other' };
  await opens(target, 'secret');
  files = { token: new Error('EACCES'), next: 'other' };
  nowMs = 9_000;
  expect([await opens(target, 'secret'), (await cache.of('a', target)).isUnsure]).toEqual([true, false]);
  nowMs = 10_001;
  expect([await opens(target, 'secret'), (await cache.of('a', target)).isUnsure]).toEqual([false, true]);
  expect(await opens(target, 'other')).toBe(true);
});

test('tokens that were never readable open nothing, and nobody can tell which would', async () => {
  files = { token: new Error('EACCES') };
  expect(await cache.of('a', targetOf('token'))).toMatchObject({ accepted: [], isUnsure: true });
  files = {};
  expect(await cache.of('b', targetOf('token'))).toMatchObject({ accepted: [], isUnsure: true });
});

test('a token that the configuration no longer lists is not good for a second longer', async () => {
  files = { token: 'old', next: 'new' };
  await opens(targetOf('token', 'next'), 'old');
  const reloaded = targetOf('next');
  expect([await opens(reloaded, 'old'), await opens(reloaded, 'new')]).toEqual([false, true]);
});

test('an unreadable token is logged once in ten minutes without a stack, however often it is asked for', async () => {
  const target = targetOf('token');
  files = { token: new Error('EACCES') };
  for (nowMs = 0; nowMs < 601_000; nowMs += 500) await cache.of('a', target);
  expect(written.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ level: 'warn', source: 'a', name: 'token', reason: 'EACCES' }),
    expect.objectContaining({ level: 'warn' }),
  ]);
  expect(written.join('')).not.toContain('stack');
  files = { token: 'secret' };
  nowMs += 1_000;
  await cache.of('a', target);
  expect(written.at(-1)).toContain('webhook token can be read again');
});

test('whoever shows a token that was good before, or that of another source, is no stranger', async () => {
  const targets = new Map([
    ['a', targetOf('token')],
    ['b', targetOf('other')],
  ]);
  files = { token: 'first', other: 'secret-b' };
  expect(await cache.ownerOf(hashSecret('first'), targets, 'a')).toEqual({ source: 'a', isCurrent: true });
  files = { token: 'second', other: 'secret-b' };
  nowMs = 1_000;
  expect(await cache.ownerOf(hashSecret('first'), targets, 'a')).toEqual({ source: 'a', isCurrent: false });
  expect(await cache.ownerOf(hashSecret('secret-b'), targets, 'a')).toEqual({ source: 'b', isCurrent: true });
  files = { token: 'shared', other: 'shared' };
  nowMs = 2_000;
  expect(await cache.ownerOf(hashSecret('shared'), targets, 'b')).toEqual({ source: 'b', isCurrent: true });
  expect(await cache.ownerOf(hashSecret('guess'), targets, 'a')).toBeUndefined();
});
