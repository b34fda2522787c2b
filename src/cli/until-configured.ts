import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import { StartFailed, codeOf, messageOf } from '../errors.ts';

interface WaitOptions {
  readonly timeoutMs: number;
  readonly everyMs: number;
}

interface Replica {
  readonly name: string;
  /** Hash of its configuration; null: it has none yet. */
  readonly hash: string | null;
}

/**
 * Waits until every live replica has the configuration with this hash (undefined: any); resolves to their number. Meanwhile
 * the database may be unreachable or without tables, as right after an install. `onWait` is called once per reason for waiting.
 * @throws {StartFailed} at the timeout, naming what was missing.
 */
export async function untilConfigured(
  database: Database,
  hash: string | undefined,
  { timeoutMs, everyMs }: WaitOptions,
  onWait: (line: string) => void,
): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  for (let said: string | undefined; ; await pause(everyMs)) {
    const found = await look(database, hash);
    if (typeof found === 'number') return found;
    if (performance.now() > deadline) throw new StartFailed(`the bot was not ready in time: ${found}`);
    if (found !== said) onWait(`waiting: ${(said = found)}`);
  }
}

/** The number of replicas, all with this configuration; or what is missing. */
async function look(database: Database, hash: string | undefined): Promise<number | string> {
  let replicas: Replica[];
  try {
    replicas = await database.query<Replica>(
      `select name, (select hash from config_generations g where g.generation = r.generation) as hash
       from replicas r where seen_at > clock_timestamp() - interval '10 s' order by name`,
    );
  } catch (error) {
    if (codeOf(error) === 'WB_DATABASE_AWAY') return `the database cannot be reached (${messageOf(error)})`;
    // 42P01: no such table. The first replica creates them.
    if (codeOf(error) === '42P01') return 'the database has no tables yet; check the log of the bot';
    throw error;
  }
  if (replicas.length === 0) return 'no replica of the bot has been alive in the last 10 s; check its pods';
  const others = replicas.filter((replica) => hash !== undefined && replica.hash !== hash).map(({ name }) => name);
  if (others.length === 0) return replicas.length;
  return `${others.join(', ')} ${others.length === 1 ? 'has' : 'have'} a different configuration from this command; in a cluster a change takes up to 80 s to arrive, and \`watchbell doctor\` shows whether it was rejected`;
}
