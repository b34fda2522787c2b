import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../test/harness/until.ts';
import { createAbilities } from './abilities.ts';

const all = (signal = new AbortController().signal) => createAbilities('jobs', ['http', 'exec'], signal);
const node = (program: string): [string, ...string[]] => [process.execPath, '-e', program];

test('using an undeclared ability throws, naming it', () => {
  const none = createAbilities('jobs', ['http'], new AbortController().signal);
  expect(() => none.exec).toThrow(`the skill "jobs" uses exec without declaring it: add needs: ['exec']`);
  expect(none.http).toBeInstanceOf(Function);
});

test('a program gets its arguments without a shell, its input, and only the given environment', async () => {
  const program = `
    process.stdin.on('data', (text) => process.stdout.write(String(text)));
    process.stdout.write(JSON.stringify([process.argv.slice(1), Object.keys(process.env), process.env.REGION]));
    process.stderr.write('careful');
    process.exitCode = 3;`;
  const ran = await all().exec([...node(program), '$HOME; echo no'], { env: { REGION: 'eu' }, input: ' in' });
  expect(ran).toEqual({
    status: 3,
    signal: null,
    stdout: `${JSON.stringify([['$HOME; echo no'], ['REGION'], 'eu'])} in`,
    stderr: 'careful',
    truncated: false,
  });
});

test('a long output is truncated, and the program is not blocked', async () => {
  const ran = await all().exec(node(`process.stdout.write('x'.repeat(300_000))`), { maxOutputBytes: 1000 });
  expect(ran).toMatchObject({ status: 0, stdout: 'x'.repeat(1000), truncated: true });
});

test('a program that does not exist is an error', async () => {
  await expect(all().exec(['/no/such/program'])).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a program and its child processes end with the task', async () => {
  const marker = join(await mkdtemp(join(tmpdir(), 'watchbell-exec-')), 'runs');
  const controller = new AbortController();
  // The child keeps the output open, so the output ends only with the child.
  const inner = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, ''); setInterval(() => {}, 1000)`;
  const program = `
    require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'inherit' });
    setInterval(() => {}, 1000);`;
  const running = all(controller.signal).exec(node(program));
  await until(() => existsSync(marker));
  controller.abort();
  expect(await running).toMatchObject({ status: null, signal: 'SIGTERM' });
});

test('a request ends at its timeout, and with the task', async () => {
  const server = createServer(() => {}).listen(0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await expect(all().http(url, { timeoutMs: 20 })).rejects.toMatchObject({ name: 'TimeoutError' });
  await expect(all(AbortSignal.abort()).http(url)).rejects.toMatchObject({ name: 'AbortError' });
  server.closeAllConnections();
  server.close();
});
