import { randomBytes } from 'node:crypto';
import { openDatabase, type OpenDatabase } from '../../test/harness/database.ts';
import { createSessionStore, endAllSessions, type SessionStore } from './session-store.ts';
import { createSessions, createSignIn, type Cookies, type SessionCookie, type Sessions } from './session.ts';
import { createToken } from './signed-token.ts';

const DAY_MS = 24 * 3_600_000;
let home: OpenDatabase;
let store: SessionStore;
let state: { password: string; nowMs: number };
beforeEach(async () => {
  home = await openDatabase();
  store = createSessionStore(home.database.query);
  state = { password: 'right', nowMs: Date.now() };
});
afterEach(() => home.close());

const now = (): Date => new Date(state.nowMs);
/** One replica. */
const start = (): Sessions => createSessions({ store, password: async () => state.password, now });
const noCookies: Cookies = () => undefined;
const cookies =
  (cookie: SessionCookie): Cookies =>
  (name) =>
    name === cookie.name ? cookie.value : undefined;

async function signIn(sessions: Sessions): Promise<SessionCookie> {
  const outcome = await sessions.login('right', '10.0.0.1', noCookies);
  if (typeof outcome === 'string' || 'waitMs' in outcome) throw new Error(JSON.stringify(outcome));
  return outcome;
}

test('a session is valid for 30 days, on every replica', async () => {
  const cookie = await signIn(start());
  const other = start();
  expect(await other.find(cookies(cookie))).toBeDefined();
  state.nowMs += 30 * DAY_MS;
  expect(await other.find(cookies(cookie))).toBeUndefined();
});

test('signing out ends one session at once, on every replica', async () => {
  const [one, other] = [start(), start()];
  const [left, stays] = [await signIn(one), await signIn(one)];
  expect(await other.find(cookies(left))).toBeDefined();
  expect(await one.end(cookies(left))).toBe(left.name);
  for (const replica of [one, other]) {
    expect(await replica.find(cookies(left))).toBeUndefined();
    expect(await replica.find(cookies(stays))).toBeDefined();
  }
});

test('all sessions and unused links can be ended', async () => {
  const sessions = start();
  const cookie = await signIn(sessions);
  const key = await createSignIn(store, now());
  expect(await endAllSessions(home.database.query)).toBe(1);
  expect(await sessions.find(cookies(cookie))).toBeUndefined();
  expect(await sessions.redeem(key)).toBeUndefined();
});

test('a changed or forged session is invalid, without a database query', async () => {
  const sessions = start();
  const { name, value } = await signIn(sessions);
  await home.database.query('alter table web_sessions rename to away');
  for (const forged of [
    '',
    value.slice(0, -1),
    `${value}x`,
    (value.startsWith('x') ? 'y' : 'x') + value.slice(1),
    `${value.slice(0, 20)}${randomBytes(9).toString('base64url')}`,
    createToken(randomBytes(32), 'session').token,
    // Another bot signs with another key; a sign-in is not a session.
    await createSignIn(store, now()).catch(() => createToken(randomBytes(32), 'sign-in').token),
  ])
    expect(await sessions.find(cookies({ name, value: forged }))).toBeUndefined();
});

test('a new password ends every session', async () => {
  const sessions = start();
  const cookie = await signIn(sessions);
  state.password = 'changed';
  state.nowMs += 1_000;
  expect(await sessions.find(cookies(cookie))).toBeUndefined();
  expect(await sessions.login('right', '10.0.0.1', noCookies)).toBe('wrong');
});

test('a sign-in works once, within a day, also without a password', async () => {
  const sessions = createSessions({ store, now });
  const key = await createSignIn(store, now());
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => sessions.redeem(key)));
  const begun = outcomes.filter((outcome) => outcome !== undefined);
  expect(begun).toHaveLength(1);
  expect(await sessions.find(cookies(begun[0] ?? { name: '', value: '' }))).toBeDefined();

  const late = await createSignIn(store, now());
  state.nowMs += DAY_MS;
  expect(await sessions.redeem(late)).toBeUndefined();
  expect(await sessions.redeem(randomBytes(24).toString('base64url'))).toBeUndefined();
});

test('a browser with an expired session can sign in while others guess', async () => {
  const sessions = start();
  const cookie = await signIn(sessions);
  state.nowMs += 31 * DAY_MS;
  for (let sender = 0; sender < 40; sender++) await sessions.login('guess', `10.0.0.${sender}`, noCookies);
  expect(await sessions.login('right', '10.0.1.1', noCookies)).toMatchObject({ waitMs: expect.any(Number) });
  expect(await sessions.login('right', '10.0.1.1', cookies(cookie))).toMatchObject({ name: cookie.name });
});

test('an empty password rejects everyone', async () => {
  state.password = '';
  await expect(start().login('', '10.0.0.1', noCookies)).rejects.toThrow('empty');
});

test('expired rows are deleted from the database', async () => {
  const sessions = start();
  await signIn(sessions);
  await createSignIn(store, now());
  await home.database.query(`update web_sessions set expires_at = now() - interval '1 day'`);
  await home.database.query(`update web_sign_ins set expires_at = now() - interval '1 day'`);
  await signIn(sessions);
  expect(await home.database.query('select from web_sessions')).toHaveLength(1);
  expect(await home.database.query('select from web_sign_ins')).toHaveLength(0);
});
