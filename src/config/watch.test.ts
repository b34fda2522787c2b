import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PLATFORMS as platforms } from '../connectors/platforms.ts';
import { loadConfig, type LoadResult } from './load.ts';
import { watchConfig, type ConfigWatch } from './watch.ts';

let directory = '';
let watches: ConfigWatch[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-watch-'));
});
afterEach(async () => {
  for (const one of watches) await one.stop();
  watches = [];
  await rm(directory, { recursive: true, force: true });
});

async function start(
  path: string,
  everyMs = 3_600_000,
): Promise<{ watch: ConfigWatch; seen: LoadResult[]; errors: unknown[] }> {
  const load = (): Promise<LoadResult> => loadConfig({ path, skills: [], platforms, env: {} });
  const first = await load();
  const seen: LoadResult[] = [];
  const errors: unknown[] = [];
  const watch = watchConfig({
    path,
    sourceHash: first.sourceHash ?? '',
    load,
    everyMs,
    onChange: (result) => void seen.push(result),
    onError: (error) => errors.push(error),
  });
  watches.push(watch);
  return { watch, seen, errors };
}

const nameOf = (result: LoadResult | undefined): string | undefined => (result?.ok ? result.config.name : undefined);

test('each change is reported once, and rewriting the same content is not a change', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'name: one');
  const { watch, seen } = await start(path);
  await watch.check();
  expect(seen).toHaveLength(0);
  await writeFile(path, 'name: two');
  await watch.check();
  await writeFile(path, 'name: two');
  await watch.check();
  expect(seen.map(nameOf)).toEqual(['two']);
});

test('a broken file is reported with its problems, and so is its repair', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'name: one');
  const { watch, seen } = await start(path);
  await writeFile(path, 'name: [');
  await watch.check();
  await watch.check();
  await writeFile(path, 'name: one');
  await watch.check();
  expect(seen.map((result) => result.ok)).toEqual([false, true]);
});

test('a file that is missing for a moment is not a change', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'name: one');
  const { watch, seen, errors } = await start(path);
  await rm(path);
  await watch.check();
  await writeFile(path, 'name: one');
  await watch.check();
  expect([seen, errors]).toEqual([[], []]);
});

test('the replacement of a ConfigMap is detected without a call', async () => {
  for (const version of ['1', '2']) {
    await mkdir(join(directory, `..v${version}`));
    await writeFile(join(directory, `..v${version}`, 'a.yaml'), `name: v${version}`);
  }
  await symlink('..v1', join(directory, '..data'));
  await symlink(join('..data', 'a.yaml'), join(directory, 'a.yaml'));
  const { seen } = await start(directory, 10);
  await symlink('..v2', join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(seen.map(nameOf)).toEqual(['v2']);
});

test('an exception of the listener is reported, and the change is offered again until it is handled', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'name: one');
  const errors: unknown[] = [];
  let calls = 0;
  const watch = watchConfig({
    path,
    sourceHash: '',
    load: () => loadConfig({ path, skills: [], platforms, env: {} }),
    everyMs: 3_600_000,
    onChange: () => {
      calls++;
      throw new Error('boom');
    },
    onError: (error) => errors.push(error),
  });
  watches.push(watch);
  await watch.check();
  const before = calls;
  await watch.check();
  expect(calls).toBeGreaterThan(before);
  expect(errors).toHaveLength(calls);
});

test('after stop nothing is reported', async () => {
  const path = join(directory, 'watchbell.yaml');
  await writeFile(path, 'name: one');
  const { watch, seen } = await start(path);
  await watch.stop();
  await writeFile(path, 'name: two');
  await watch.check();
  expect(seen).toEqual([]);
});
