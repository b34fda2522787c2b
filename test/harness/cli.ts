import { execFile } from 'node:child_process';
import { join } from 'node:path';

export interface CliResult {
  readonly status: number;
  readonly output: string;
}

/** Runs a `watchbell` command to completion, as a person or a CronJob would. */
export function runCli(
  args: readonly string[],
  { config, secrets, databaseUrl }: { config?: string; secrets: string; databaseUrl: string },
): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, '../../bin/watchbell.js'),
        ...args,
        ...(config === undefined ? [] : ['--config', config]),
      ],
      { env: { PATH: process.env['PATH'], WATCHBELL_SECRETS: secrets, DATABASE_URL: databaseUrl } },
      (error, stdout, stderr) => {
        const status = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
        resolve({ status, output: (stdout + stderr).trim() });
      },
    );
  });
}
