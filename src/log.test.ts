import { createLogger } from './log.ts';

function collect(pretty = false) {
  const written: string[] = [];
  const log = createLogger({ level: 'info', pretty, destination: { write: (line) => void written.push(line) } });
  return { log, written, text: () => written.join('') };
}

test('fields named like secrets are not logged, down to three levels', () => {
  const { log, text } = collect();
  log.info(
    {
      token: 'hush1',
      headers: { authorization: 'Bearer hush2' },
      request: { headers: { cookie: 'hush3' } },
      room: 'ops',
    },
    'asked',
  );
  expect(text()).not.toMatch(/hush/);
  expect(JSON.parse(text())).toMatchObject({ level: 'info', msg: 'asked', room: 'ops' });
});

test('an error is logged with its causes, but without its request and the passwords in its message', () => {
  const { log, text } = collect();
  const cause = Object.assign(new Error('connect postgres://bell:hush1@db:5432/bell'), {
    code: 'ECONNREFUSED',
    config: { headers: { authorization: 'hush2' } },
  });
  log.error({ error: new Error('get /sync?access_token=hush3 failed', { cause }) }, 'failed');
  expect(text()).not.toMatch(/hush/);
  expect(JSON.parse(text())).toMatchObject({ error: { cause: { code: 'ECONNREFUSED' } } });
});

test('the reason of a failure is logged without passwords', () => {
  const { log, text } = collect();
  log.warn({ reason: 'connect postgres://bell:hush1@db:5432/bell' }, 'database does not answer yet');
  expect(JSON.parse(text())).toMatchObject({ reason: 'connect postgres://bell:[redacted]@db:5432/bell' });
});

test('pretty lines contain the level, the message and the fields', () => {
  const { log, text } = collect(true);
  log.child({ connector: 'matrix' }).warn({ room: 'a b' }, 'throttled');
  expect(text()).toMatch(/^\d\d:\d\d:\d\d warn {2}throttled connector=matrix room="a b"\n$/);
});

test('entries below the level are not logged', () => {
  const { log, written } = collect();
  log.debug({}, 'each event');
  expect(written).toEqual([]);
});
