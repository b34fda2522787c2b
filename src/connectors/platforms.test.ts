import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** In a process of its own: Jest has a module cache of its own. */
async function sdkFilesLoaded(statement: string): Promise<number> {
  const script = `
    import { createRequire } from 'node:module';
    const { PLATFORMS } = await import('${join(import.meta.dirname, 'platforms.ts')}');
    ${statement}
    console.log(Object.keys(createRequire('/').cache).filter((file) => file.includes('matrix-bot-sdk')).length);`;
  const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script]);
  return Number(stdout);
}

test('the SDK of a platform is loaded when a connector of it is created, not before', async () => {
  expect(await sdkFilesLoaded('')).toBe(0);
  const create = `
    const matrix = PLATFORMS.find(({ type }) => type === 'matrix');
    await matrix.create({ homeserver: 'https://fake.test' }, { log: {} }).catch(() => {});`;
  expect(await sdkFilesLoaded(create)).toBeGreaterThan(0);
});
