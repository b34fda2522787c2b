import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chooseSource, postSample, untilTaken, type Refusal } from './cli-alert.ts';

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

test('an address that ends with a slash is the same address', async () => {
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

test('a refusal that may pass is told apart from one that stays', async () => {
  const answers = [503, 502, 504, 401, 400, 500];
  const url = await listen((_, response) => {
    response.statusCode = answers.shift() ?? 200;
    response.end('why');
  });
  const target = { url, source: 'prod', token: 't' };
  for (const [status, passes] of [
    [503, true],
    [502, true],
    [504, true],
    [401, false],
    [400, false],
    [500, false],
  ] as const)
    expect(await postSample(target, {})).toEqual({
      says: expect.stringMatching(new RegExp(`^${status} from .*/prod: why$`)),
      answered: true,
      passes,
    });
  close();
  expect(await postSample(target, {})).toEqual({
    says: expect.stringContaining('no bot answers'),
    answered: false,
    passes: true,
  });
});

test.each([
  [['prod'], 'prod'],
  [['default', 'prod'], 'default'],
  [[], 'default'],
])('of the sources %j a sample goes to %s, unless another is named', (names, source) => {
  expect(chooseSource(names)).toBe(source);
});

test('of several sources, none of them the default, one has to be named', () => {
  expect(() => chooseSource(['eu', 'us'])).toThrow('name one with --source; configured are: eu, us');
});

const refusal = (more: Partial<Refusal>): Refusal => ({ says: 'no', answered: true, passes: true, ...more });

test('what nobody takes yet is posted again, and any other answer ends it at once', async () => {
  const answers = [refusal({ answered: false }), refusal({}), undefined];
  await untilTaken(async () => answers.shift(), PATIENCE);
  expect(answers).toEqual([]);

  const refused = [refusal({ says: '401', passes: false }), undefined];
  await expect(untilTaken(async () => refused.shift(), PATIENCE)).rejects.toThrow('401');
  expect(refused).toHaveLength(1);
  await expect(untilTaken(async () => refusal({ says: '503' }), HASTE)).rejects.toThrow('503');
});
