import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** In a separate process, because Jest has its own module cache. */
async function filesLoaded(statement: string): Promise<string[]> {
  const script = `
    import { createRequire } from 'node:module';
    const { PLATFORMS } = await import('${join(import.meta.dirname, 'platforms.ts')}');
    ${statement}
    console.log(JSON.stringify(Object.keys(createRequire('/').cache)));`;
  const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script]);
  return JSON.parse(stdout) as string[];
}

test("a platform's SDK is loaded when its connector is created, not before", async () => {
  const isSdk = expect.stringContaining('matrix-bot-sdk');
  expect(await filesLoaded('')).not.toContainEqual(isSdk);
  const create = `
    const matrix = PLATFORMS.find(({ type }) => type === 'matrix');
    await matrix.create({ homeserver: 'https://fake.test' }, { log: {} }).catch(() => {});`;
  const loaded = await filesLoaded(create);
  expect(loaded).toContainEqual(isSdk);
  // Part of the package `request`, which the SDK would load: 6 MB.
  expect(loaded).not.toContainEqual(expect.stringContaining('tough-cookie'));
});

test('Slack is loaded without the parts of its SDK that are not used', async () => {
  const isSdk = expect.stringMatching(/@slack\/(web-api|socket-mode)/);
  expect(await filesLoaded('')).not.toContainEqual(isSdk);
  const loaded = await filesLoaded(`
    const slack = PLATFORMS.find(({ type }) => type === 'slack');
    const options = slack.options.parse({ botToken: { file: 'bot' }, appToken: { file: 'app' } });
    await slack.create(options, { secret: async () => 'x' });`);
  expect(loaded).toContainEqual(isSdk);
  expect(loaded).not.toContainEqual(expect.stringMatching(/@slack\/(bolt|oauth)/));
});
