// `npm test`: runs jest, lists failures at the end, and prints `N passed, N failed` as its last line.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** The parts of jest's `--json` report that are used here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

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
    const results: Report = JSON.parse(readFileSync(report, 'utf8'));
    const { numPassedTests, numFailedTests, numFailedTestSuites, numRuntimeErrorTestSuites, numPendingTests } = results;
    const failed = numFailedTests + (numFailedTests === 0 ? numFailedTestSuites : numRuntimeErrorTestSuites);
    skipped = numPendingTests - lacking(results);
    line = `${numPassedTests} passed, ${failed} failed`;
    for (const said of whatFailed(results)) console.log(`FAILED: ${said}`);
  } catch {
    console.error('jest exited without a report');
  }
  rmSync(directory, { recursive: true, force: true });
  const mayNotSkip = skipped > 0 && Boolean(process.env['NO_SKIPS']);
  if (skipped > 0) console.log(`${skipped} skipped: see the lines with SKIPPED for reasons`);
  if (mayNotSkip) console.log('NO_SKIPS is set, so nothing may be skipped: install what those lines mention');
  console.log(line);
  process.exit(mayNotSkip ? code || 1 : (code ?? 1));
});

/** Tests of capabilities that a connector's platform lacks: installing something would not make them run. */
function lacking({ testResults }: Report): number {
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, fullName }) => status === 'pending' && /SKIPPED: \S+ (declares no|cannot) /.test(fullName))
    .length;
}

/** One line per failed test, and per file that could not be run. */
function whatFailed({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && status === 'failed') return [`${file}: ${firstLine(message)}`];
    return failed.map((test) => `${file}: ${test.fullName}: ${firstLine(test.failureMessages[0] ?? '')}`);
  });
}

function firstLine(text: string): string {
  return (
    stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.trim())
      .find((line) => line !== '' && !line.startsWith('●')) ?? ''
  );
}
