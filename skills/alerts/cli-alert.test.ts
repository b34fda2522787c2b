import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chooseSource, postSample, postUntilAccepted, type Rejection } from './cli-alert.ts';

const PATIENCE = { timeoutMs: 20_000, everyMs: 5 };
const HASTE = { timeoutMs: 20, everyMs: 5 };

let server: Server;

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
function close(): void {
  server.close();
  server.closeAllConnections();
}

test('a trailing slash of the address is ignored', async () => {
  const asked: (string | undefined)[] = [];
  const url = await listen((request, response) => {
    asked.push(request.url);
    response.end();
  });
  for (const one of [url, `${url}/`, `${url}/bell/`])
    await expect(postSample({ url: one, source: 'prod eu', token: 't' }, {})).resolves.toBeUndefined();
  close();
  const path = '/webhooks/alertmanager/prod%20eu';
  expect(asked).toEqual([path, path, `/bell${path}`]);
});

test('temporary rejections are distinguished from permanent ones', async () => {
  const answers = [503, 502, 504, 401, 400, 500];
  const url = await listen((_, response) => {
    response.statusCode = answers.shift() ?? 200;
    response.end('why');
  });
  const target = { url, source: 'prod', token: 't' };
  for (const [status, isRetryable] of [
    [503, true],
    [502, true],
    [504, true],
    [401, false],
    [400, false],
    [500, false],
  ] as const)
    expect(await postSample(target, {})).toEqual({
      message: expect.stringMatching(new RegExp(`^${status} from .*/prod: why$`)),
      hasResponse: true,
      isRetryable,
    });
  close();
  expect(await postSample(target, {})).toEqual({
    message: expect.stringContaining('no bot answers'),
    hasResponse: false,
    isRetryable: true,
  });
});

test.each([
  [['prod'], 'prod'],
  [['default', 'prod'], 'default'],
  [[], 'default'],
])('with the sources %j a sample goes to %s, unless another is named', (names, source) => {
  expect(chooseSource(names)).toBe(source);
});

test('with several sources, none of them the default, one has to be named', () => {
  expect(() => chooseSource(['eu', 'us'])).toThrow('name one with --source (eu, us)');
});

const rejection = (more: Partial<Rejection>): Rejection => ({
  message: 'no',
  hasResponse: true,
  isRetryable: true,
  ...more,
});

test('a post is retried after temporary rejections, and any other response ends it at once', async () => {
  const answers = [rejection({ hasResponse: false }), rejection({}), undefined];
  await postUntilAccepted(async () => answers.shift(), PATIENCE);
  expect(answers).toEqual([]);

  const rejected = [rejection({ message: '401', isRetryable: false }), undefined];
  await expect(postUntilAccepted(async () => rejected.shift(), PATIENCE)).rejects.toThrow('401');
  expect(rejected).toHaveLength(1);
  await expect(postUntilAccepted(async () => rejection({ message: '503' }), HASTE)).rejects.toThrow('503');
});
