import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Locked {
  readonly name?: string;
  readonly version?: string;
  readonly dev?: boolean;
}

test('no abandoned package with vulnerabilities is shipped, even if nothing uses it', async () => {
  const lock = JSON.parse(await readFile(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const shipped = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { name, version = '' }]) => ({ name: name ?? path.replace(/^.*node_modules\//, ''), version }));
  expect(shipped.map(({ name }) => name)).toContain('matrix-bot-sdk');
  // CVE-2023-26136 and CVE-2023-28155: package.json replaces this dependency of matrix-bot-sdk.
  expect(shipped.filter(({ name }) => /^request(?:-promise.*)?$/.test(name))).toEqual([]);
  expect(shipped.filter(({ name, version }) => name === 'tough-cookie' && Number.parseInt(version) < 5)).toEqual([]);
});
