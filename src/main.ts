import { inspect } from 'node:util';
import { readEnvironment } from './config/environment.ts';
import { codeOf, messageOf } from './errors.ts';
import { mask } from './mask.ts';
import { useProxies } from './proxies.ts';

/** Exit statuses of commands, as described by `watchbell --help`. */
export const EXIT_STATUS = { ok: 0, failed: 1, cannotStart: 2 } as const;

/** Runs the command in argv. The only place that exits the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const { createProgram } = await import('./cli/program.ts');
  try {
    useProxies(readEnvironment().env);
    const status = await createProgram().run(argv);
    if (status !== undefined) process.exit(status);
  } catch (error) {
    const expected = codeOf(error)?.startsWith('WB_') === true;
    console.error(expected ? `watchbell: ${messageOf(error)}` : mask(inspect(error)));
    process.exit(expected ? EXIT_STATUS.cannotStart : EXIT_STATUS.failed);
  }
}
