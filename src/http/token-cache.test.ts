import { createLogger } from '../log.ts';
import { hashSecret, isOneOf } from './credentials.ts';
import type { IntakeTarget } from './intake.ts';
import { TokenCache } from './token-cache.ts';

/** The content of files: a value, nothing (missing or empty), or a read error. */
type Files = Record<string, string | undefined | Error>;

let nowMs = 0;
let written: string[] = [];
let reads = 0;
let files: Files = {};
/** Runs while the cache waits before it reads again. */
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

async function isAccepted(target: IntakeTarget, secret: string): Promise<boolean> {
  return isOneOf((await cache.of('a', target)).accepted, hashSecret(secret));
}

test('tokens are read at most once a second, and then a rotated one applies', async () => {
  const target = targetOf('token');
  files = { token: 'old' };
  await Promise.all([cache.of('a', target), cache.of('a', target)]);
  files = { token: 'new' };
  nowMs = 999;
  expect(await isAccepted(target, 'old')).toBe(true);
  expect(reads).toBe(1);
  nowMs = 1_000;
  expect([await isAccepted(target, 'new'), await isAccepted(target, 'old')]).toEqual([true, false]);
  expect(reads).toBe(2);
});

test.each([
  ['removed', undefined],
  ['emptied', ''],
])('a token whose file is %s is revoked within a second, and the other stays valid', async (_how, left) => {
  const target = targetOf('token', 'next');
  files = { token: 'leaked', next: 'fresh' };
  expect(await isAccepted(target, 'leaked')).toBe(true);
  files = { token: left, next: 'fresh' };
  nowMs = 1_000;
  expect([await isAccepted(target, 'leaked'), await isAccepted(target, 'fresh')]).toEqual([false, true]);
  expect(await cache.of('a', target)).toMatchObject({ isUnsure: false });
});

test('revoking the only token leaves no valid token, and no uncertainty', async () => {
  const target = targetOf('token');
  files = { token: 'leaked' };
  await isAccepted(target, 'leaked');
  files = {};
  nowMs = 3_600_000; // no request for an hour
  expect(await cache.of('a', target)).toMatchObject({ accepted: [], isUnsure: false });
});

test('during a rotation with one token missing, the other one works', async () => {
  const target = targetOf('token', 'next');
  files = { token: 'old' };
  expect([await isAccepted(target, 'old'), await isAccepted(target, 'new')]).toEqual([true, false]);
  files = { token: 'old', next: 'new' };
  nowMs = 1_000;
  expect([await isAccepted(target, 'old'), await isAccepted(target, 'new')]).toEqual([true, true]);
});

test('a file that is empty for a moment, while it is rewritten, does not revoke its token', async () => {
  const target = targetOf('token');
  files = { token: 'secret' };
  await isAccepted(target, 'secret');
  files = { token: '' };
  meanwhile = () => (files = { token: 'secret' });
  nowMs = 3_600_000;
  expect(await isAccepted(target, 'secret')).toBe(true);
  expect(written).toEqual([]);
});

test('an unreadable token stays valid for 10 seconds; then it is unknown, and rejected', async () => {
  const target = targetOf('token', 'next');
  files = { token: 'secret', next: 'other' };
  await isAccepted(target, 'secret');
  files = { token: new Error('EACCES'), next: 'other' };
  nowMs = 9_000;
  expect([await isAccepted(target, 'secret'), (await cache.of('a', target)).isUnsure]).toEqual([true, false]);
  nowMs = 10_001;
  expect([await isAccepted(target, 'secret'), (await cache.of('a', target)).isUnsure]).toEqual([false, true]);
  expect(await isAccepted(target, 'other')).toBe(true);
});

test('tokens that were never readable are rejected as unknown', async () => {
  files = { token: new Error('EACCES') };
  expect(await cache.of('a', targetOf('token'))).toMatchObject({ accepted: [], isUnsure: true });
  files = {};
  expect(await cache.of('b', targetOf('token'))).toMatchObject({ accepted: [], isUnsure: true });
});

test('a token removed from the configuration is invalid at once', async () => {
  files = { token: 'old', next: 'new' };
  await isAccepted(targetOf('token', 'next'), 'old');
  const reloaded = targetOf('next');
  expect([await isAccepted(reloaded, 'old'), await isAccepted(reloaded, 'new')]).toEqual([false, true]);
});

test('an unreadable token is logged once in ten minutes without a stack, however often it is used', async () => {
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

test('a sender with a former token, or with that of another source, is recognised', async () => {
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
