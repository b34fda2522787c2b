/** Fills NODE_COMPILE_CACHE during an image build: imports everything that a running bot may import, as bin/watchbell.js does. */
import { readdir } from 'node:fs/promises';
import module from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

module.enableCompileCache(process.env['NODE_COMPILE_CACHE']);
const root = resolve(import.meta.dirname, '..');

/** Tests, and the code of the web page, which runs in a browser. */
const LEFT_OUT = /\.test\.ts$|\/testing\/|\/testing-|\/conformance[^/]*\.ts$|\/test-bot\.ts$|\/web\/page\//;

for (const directory of ['src', 'skills'])
  for (const entry of await readdir(join(root, directory), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && file.endsWith('.ts') && !LEFT_OUT.test(file)) await import(pathToFileURL(file).href);
  }
module.flushCompileCache();
process.exit(0);
