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
  let isSkipping = false;
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numRuntimeErrorTestSuites, numPendingTests } =
      JSON.parse(readFileSync(report, 'utf8'));
    const failed = numFailedTests + (numFailedTests === 0 ? numFailedTestSuites : numRuntimeErrorTestSuites);
    isSkipping = numPendingTests > 0 && Boolean(process.env['CI']);
    line = `${numPassedTests} passed, ${failed} failed${numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''}`;
  } catch {
    console.error('jest ended without a report');
  }
  rmSync(directory, { recursive: true, force: true });
  if (isSkipping) console.error('CI is set, so no test may be skipped: install what the lines with SKIPPED name');
  console.log(line);
  process.exit(isSkipping ? code || 1 : (code ?? 1));
});
