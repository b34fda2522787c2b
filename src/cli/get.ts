import { createClock } from '../clock.ts';
import { QueryRunner } from '../dispatch/query-runner.ts';
import { StartFailed } from '../errors.ts';
import { offlineRegistry } from './offline-registry.ts';
import { operator } from './operator.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { tableOf } from './table.ts';
import { withLastGood } from './with-database.ts';

/** Runs a query of a skill directly on the database and prints the answer. 1: the requested item does not exist. */
export function get(
  [skill = '', query = '', ...pairs]: readonly string[],
  { json, ...options }: ProgramSetupOptions & { readonly json?: boolean },
): Promise<number> {
  const input = Object.fromEntries(pairs.map(readPair));
  return withLastGood(options, async (database, setup, config) => {
    const registry = offlineRegistry(setup, config);
    const runner = new QueryRunner({ database, clock: createClock(), registry: () => registry });
    const outcome = await runner.ask({ actor: operator(), skill, query, input });
    if (outcome.outcome === 'missing') {
      console.log(outcome.message);
      return 1;
    }
    if (outcome.outcome !== 'ok') throw new StartFailed(outcome.message);
    console.log(json ? JSON.stringify(outcome.answer, null, 2) : tableOf(outcome.answer));
    return 0;
  });
}

function readPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at <= 0) throw new StartFailed(`"${pair}" is not key=value, such as limit=10`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}
