#!/usr/bin/env -S node --max-semi-space-size=2 --disable-warning=ExperimentalWarning
// Runs the program, which is TypeScript as written: that needs Node 24. Where an older one runs this file, the copy that
// `npm ci` brought along is used instead.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major >= 24) {
  const directory = process.env['NODE_COMPILE_CACHE'];
  const { status } = module.enableCompileCache(directory);
  if (status === module.constants.compileCacheStatus.FAILED && directory !== undefined) borrowCompileCache(directory);
  const { main } = await import('../src/main.ts');
  await main(process.argv.slice(2));
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(own)) {
    console.error(
      `watchbell needs Node 24 or newer; this is ${process.versions.node}. Install it, or run "npm ci" here.`,
    );
    process.exit(2);
  }
  const child = spawn(
    own,
    [
      '--max-semi-space-size=2',
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(import.meta.url),
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit' },
  );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

/**
 * Node keeps a compile cache for each user id, and that of the image was filled by 1000. Where a platform chooses another id
 * (OpenShift), and nothing can be written beside it, a directory of that id's name leads to it: without a cache the program
 * needs 25 MB more. Owners make no difference to what is read: the image is not writable for anybody.
 */
function borrowCompileCache(directory) {
  try {
    const filled = readdirSync(directory).find((name) => name.startsWith(`${process.version}-`));
    if (filled === undefined) return;
    const own = mkdtempSync(join(tmpdir(), 'watchbell-compile-cache-'));
    process.once('exit', () => rmSync(own, { recursive: true, force: true }));
    symlinkSync(join(directory, filled), join(own, filled.replace(/\d+$/, String(process.getuid?.()))));
    module.enableCompileCache(own);
  } catch {
    // It is only slower without.
  }
}
