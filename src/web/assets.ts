import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

export interface Asset {
  readonly content: string;
  readonly type: string;
  readonly etag: string;
}

const SOURCE = join(import.meta.dirname, '..');
const SCRIPT = 'text/javascript; charset=utf-8';

/** Bare module names of the page, and the URLs they are served at. */
export const IMPORT_MAP = JSON.stringify({
  imports: {
    preact: './assets/lib/preact.mjs',
    'preact/hooks': './assets/lib/hooks.mjs',
    '@preact/signals-core': './assets/lib/signals-core.mjs',
    '@preact/signals': './assets/lib/signals.mjs',
    htm: './assets/lib/htm.mjs',
    'htm/preact': './assets/lib/htm-preact.mjs',
  },
});

export const ENTRY = 'assets/src/web/page/main.ts';
export const SIGN_IN_ENTRY = 'assets/src/web/page/sign-in.ts';

/**
 * Reads everything the page loads, by URL. The page's modules keep their names and paths, so that their imports
 * work in the browser too; types are blanked out, so that line numbers stay the same.
 */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = new Map<string, Asset>();
  const add = (address: string, content: string, type: string): void => {
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    assets.set(address, { content, type, etag });
  };
  const addModule = async (path: string): Promise<void> => {
    add(`/assets/src/${path}`, stripTypeScriptTypes(await readFile(join(SOURCE, path), 'utf8')), SCRIPT);
  };

  const page = await readdir(join(SOURCE, 'web/page'));
  for (const name of page) {
    if (name.endsWith('.ts') && !name.endsWith('.test.ts')) await addModule(`web/page/${name}`);
  }
  for (const path of SHARED_MODULES) await addModule(path);
  for (const [name, path] of libraries()) {
    const content = await readFile(path, 'utf8');
    add(`/assets/lib/${name}`, content.replace(/^\/\/# sourceMappingURL=.*$/m, ''), SCRIPT);
  }
  add('/assets/style.css', await readFile(join(SOURCE, 'web/page/style.css'), 'utf8'), 'text/css; charset=utf-8');
  add('/assets/icon.svg', await readFile(join(SOURCE, 'web/page/icon.svg'), 'utf8'), 'image/svg+xml');
  return assets;
}

/** Modules outside `page/` that the page loads too; they do not import from Node. */
const SHARED_MODULES = ['chat/markdown.ts'];

/** Packages resolve to their CommonJS build here; a browser needs the ES module next to it. */
function libraries(): readonly (readonly [string, string])[] {
  const require = createRequire(import.meta.url);
  const signals = require.resolve('@preact/signals');
  const sibling = (file: string, name: string): string => join(dirname(file), name);
  return [
    ['preact.mjs', sibling(require.resolve('preact'), 'preact.mjs')],
    ['hooks.mjs', sibling(require.resolve('preact/hooks'), 'hooks.mjs')],
    ['signals.mjs', sibling(signals, 'signals.mjs')],
    ['signals-core.mjs', sibling(createRequire(signals).resolve('@preact/signals-core'), 'signals-core.mjs')],
    ['htm.mjs', sibling(require.resolve('htm'), 'htm.mjs')],
    ['htm-preact.mjs', sibling(require.resolve('htm/preact'), 'index.mjs')],
  ];
}
