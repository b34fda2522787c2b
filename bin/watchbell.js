#!/usr/bin/env -S node --max-semi-space-size=2 --disable-warning=ExperimentalWarning
// Runs the program, which is TypeScript as written: that needs Node 24. Where an older one runs this file, the copy that
// `npm ci` brought along is used instead.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major >= 24) {
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE']);
  const { main } = await import('../src/main.ts');
  await main(process.argv.slice(2));
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(own)) {
    console.error(
      `watchbell needs Node 24 or newer, and this is ${process.versions.node}. Install it, or run "npm ci" here.`,
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
