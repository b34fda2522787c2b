import fc from 'fast-check';
import { messageOf } from './errors.ts';
import { createLogger } from './log.ts';
import { forgetSecrets, mask, rememberSecret } from './mask.ts';

afterEach(forgetSecrets);

test('a known secret is masked in messages of other programs', () => {
  rememberSecret('s3cret-token');
  expect(mask('Headers.append: "Bearer s3cret-token" is an invalid header value')).toBe(
    'Headers.append: "Bearer [redacted]" is an invalid header value',
  );
  expect(messageOf(new Error('refused s3cret-token'))).toBe('refused [redacted]');
  expect(messageOf(new AggregateError([new Error('a s3cret-token'), new Error('b')]))).toBe('a [redacted]; b');
});

test('a secret is also found URL-encoded, in JSON, and line by line', () => {
  rememberSecret('p@ss"word/1');
  rememberSecret('first-line\nsecond-line');
  expect(mask('GET /?key=p%40ss%22word%2F1x')).not.toContain('word');
  expect(mask(JSON.stringify({ text: 'p@ss"word/1' }))).toBe('{"text":"[redacted]"}');
  expect(mask('saw second-line')).toBe('saw [redacted]');
});

test('the password of a database address is also masked on its own', () => {
  rememberSecret('postgres://bell:hunter%232hunter@db/bell');
  expect(mask('getaddrinfo ENOTFOUND hunter#2hunter')).toBe('getaddrinfo ENOTFOUND [redacted]');
  expect(mask('no host hunter%232hunter')).toBe('no host [redacted]');
});

test.each([
  ['connect postgres://bell:hush@db:5432/bell', 'connect postgres://bell:[redacted]@db:5432/bell'],
  ['get /sync?access_token=hush&since=1 failed', 'get /sync?access_token=[redacted]&since=1 failed'],
  ['write postgres://USER:PASSWORD@HOST:5432/NAME', 'write postgres://USER:PASSWORD@HOST:5432/NAME'],
  ['"Bearer abcdefghijklmnop"', '"Bearer [redacted]"'],
  ['the password of Basic authentication', 'the password of Basic authentication'],
  ['"http://127.0.0.1:8080","to":"@ann:example.org"', '"http://127.0.0.1:8080","to":"@ann:example.org"'],
])('text that looks like a secret: %s', (text, masked) => {
  expect(mask(text)).toBe(masked);
});

test('values too short for secrets are not masked, because they would match words', () => {
  rememberSecret('secret');
  expect(mask('there is no secret file')).toBe('there is no secret file');
});

test('only the newest secrets are remembered', () => {
  for (let count = 0; count < 1100; count++) rememberSecret(`rotated-token-${count}-`);
  expect(mask('rotated-token-1099- rotated-token-0-')).toBe('[redacted] rotated-token-0-');
});

test('no field of a log line contains a secret, and every line is still JSON', () => {
  const written: string[] = [];
  const log = createLogger({ level: 'info', destination: { write: (line) => void written.push(line) } });
  fc.assert(
    fc.property(
      fc.string({ minLength: 8, unit: fc.constantFrom(...'ab1 "\\\n\t\u0000/%&?=@:.*[é', '\ud83d') }),
      (secret) => {
        forgetSecrets();
        rememberSecret(secret);
        written.length = 0;
        log.info({ room: `a${secret}b`, reason: `${secret}`, error: { message: `x ${secret}` } }, 'asked');
        const line = JSON.parse(written.join('')) as { room: string };
        return secret.trim().length < 8 || !line.room.includes(secret);
      },
    ),
    { numRuns: 300 },
  );
});

test('the memory for large secrets is bounded, and the newest are kept', () => {
  const large = (nth: number): string => `${nth}`.repeat(30_000);
  for (let nth = 10; nth < 90; nth++) rememberSecret(large(nth));
  rememberSecret('a small one');
  expect(mask(`it is ${large(89)} or a small one`)).toBe('it is [redacted] or [redacted]');
  expect(mask(`it is ${large(10)}`).length).toBeGreaterThan(60_000);
});

test('a thousand secrets, long and short, are all found', () => {
  const secret = (nth: number): string => `secret-${nth}-${'x'.repeat(nth % 400)}`;
  for (let nth = 0; nth < 1000; nth++) rememberSecret(secret(nth));
  for (let nth = 0; nth < 1000; nth += 37) expect(mask(`<${secret(nth)}>`)).toBe('<[redacted]>');
});
