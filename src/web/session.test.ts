import { createSessions } from './session.ts';

function start() {
  const state = { password: 'right', nowMs: 1_800_000_000_000 };
  const sessions = createSessions(
    async () => state.password,
    () => state.nowMs,
  );
  return { state, sessions };
}

async function signIn(sessions: ReturnType<typeof createSessions>): Promise<string> {
  const outcome = await sessions.login('right', '10.0.0.1');
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome.session;
}

test('a session is valid for 30 days, in every replica that knows the password', async () => {
  const { state, sessions } = start();
  const session = await signIn(sessions);
  expect(await sessions.isValid(session)).toBe(true);
  expect(await start().sessions.isValid(session)).toBe(true);
  state.nowMs += 30 * 24 * 3_600_000;
  expect(await sessions.isValid(session)).toBe(false);
});

test('a session that was changed or made up is not valid', async () => {
  const { sessions } = start();
  const session = await signIn(sessions);
  const [expiresAtMs = '', nonce = '', signature = ''] = session.split('.');
  for (const forged of [
    `${Number(expiresAtMs) + 1}.${nonce}.${signature}`,
    `${expiresAtMs}.${nonce}x.${signature}`,
    `${expiresAtMs}.${nonce}.`,
    `${session}.x`,
    `1e99.${nonce}.${signature}`,
    '',
  ])
    expect(await sessions.isValid(forged)).toBe(false);
});

test('a new password ends every session', async () => {
  const { state, sessions } = start();
  const session = await signIn(sessions);
  state.password = 'changed';
  state.nowMs += 1_000;
  expect(await sessions.isValid(session)).toBe(false);
  expect(await sessions.login('right', '10.0.0.1')).toBe('wrong');
});

test('five wrong tries a minute are enough, also for the right password, and only from that address', async () => {
  const { state, sessions } = start();
  const tries = await Promise.all(Array.from({ length: 6 }, () => sessions.login('guess', '10.0.0.1')));
  expect(tries).toEqual(['wrong', 'wrong', 'wrong', 'wrong', 'wrong', 'too many']);
  expect(await sessions.login('right', '10.0.0.1')).toBe('too many');
  expect(await sessions.login('right', '10.0.0.2')).toMatchObject({ session: expect.any(String) });
  state.nowMs += 60_000;
  expect(await sessions.login('right', '10.0.0.1')).toMatchObject({ session: expect.any(String) });
});

test('an empty password lets nobody in', async () => {
  const { state, sessions } = start();
  state.password = '';
  await expect(sessions.login('', '10.0.0.1')).rejects.toThrow('empty');
});
