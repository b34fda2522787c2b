import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartFailed, type Program, type Sql } from '#skill';
import { roundsNamed, type CoffeeOptions } from './options.ts';

const POLL_EVERY_MS = 200;

/** Asks the running bot to start a round or to show the next one (`--dry-run`), and prints the result. */
export function pair({ args, flags, print, withDatabase }: Program<CoffeeOptions>): Promise<number> {
  const [target = ''] = args;
  const { dryRun = false, explain, wait = '120' } = flags;
  const waitMs = Number(wait) * 1000;
  if (!Number.isFinite(waitMs) || waitMs < 0)
    throw new StartFailed(`--wait ${String(wait)} is not a number of seconds`);
  if (explain !== undefined && !dryRun) throw new StartFailed('--explain only works with --dry-run; add it');
  return withDatabase(async ({ options, sql, emit }) => {
    const rounds = options?.rounds;
    if (!rounds) throw new StartFailed('the coffee skill is off: configure a round under skills.coffee.rounds');
    // Typos fail right away. The bot decides in the end: its configuration may be newer.
    const names = roundsNamed({ rounds }, target);
    if (names.length === 0)
      throw new StartFailed(
        `there is no coffee round or room called "${target}"; configured rounds: ${Object.keys(rounds).join(', ') || 'none'}`,
      );
    const id = randomUUID();
    await emit('coffee.pair', { id, target, dry: dryRun === true, ...(explain !== undefined && { explain }) }, id);
    const answers = await waitFor(sql, id, names.length, waitMs);
    for (const { says } of answers) print(says);
    if (answers.length > 0) return answers.every(({ ok }) => ok) ? 0 : 1;
    print(
      dryRun
        ? 'No bot answered. Is one running? `watchbell doctor` tells you more.'
        : 'Stored: the round starts as soon as a bot is running. None has answered yet; `watchbell doctor` tells you more.',
    );
    return dryRun ? 1 : 0;
  });
}

interface Answer {
  readonly ok: boolean;
  readonly says: string;
}

/** One answer per round, or a single one if there is no such round. */
async function waitFor(sql: Sql, id: string, rounds: number, waitMs: number): Promise<Answer[]> {
  for (const deadline = performance.now() + waitMs; ;) {
    const rows = await sql<{ key: string; value: string }>(
      "select key, value from skill_state where skill = 'coffee' and (key = $1 or starts_with(key, $1 || ':')) order by key",
      [`request:${id}`],
    );
    const isAll = rows.length >= rounds || rows.some(({ key }) => key === `request:${id}`);
    if (isAll || performance.now() >= deadline) return rows.map(({ value }) => JSON.parse(value) as Answer);
    await sleep(POLL_EVERY_MS);
  }
}
