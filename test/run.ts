// `npm test`: runs jest and ends with one line, `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'watchbell-test-'));
const report = join(directory, 'report.json');
const jest = join(import.meta.dirname, '../node_modules/jest/bin/jest.js');
const child = spawn(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    jest,
    '--json',
    `--outputFile=${report}`,
    ...process.argv.slice(2),
  ],
  {
    stdio: ['inherit', 'ignore', 'inherit'],
  },
);
child.on('exit', (code) => {
  let line = '0 passed, 1 failed';
  let skipped = 0;
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numRuntimeErrorTestSuites, numPendingTests } =
      JSON.parse(readFileSync(report, 'utf8'));
    const failed = numFailedTests + (numFailedTests === 0 ? numFailedTestSuites : numRuntimeErrorTestSuites);
    skipped = numPendingTests;
    line = `${numPassedTests} passed, ${failed} failed`;
  } catch {
    console.error('jest ended without a report');
  }
  rmSync(directory, { recursive: true, force: true });
  const mayNotSkip = skipped > 0 && Boolean(process.env['NO_SKIPS']);
  if (skipped > 0) console.log(`${skipped} skipped: the lines with SKIPPED say why`);
  if (mayNotSkip) console.log('NO_SKIPS is set, so nothing may be skipped: install what those lines name');
  console.log(line);
  process.exit(mayNotSkip ? code || 1 : (code ?? 1));
});
