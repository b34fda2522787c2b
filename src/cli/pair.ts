import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { roundsCalled, type CoffeeOptions } from '../../skills/coffee/options.ts';
import type { Database } from '../db/database.ts';
import { insertEvents } from '../dispatch/event.ts';
import { StartFailed } from '../errors.ts';
import type { SettingOptions } from './setting.ts';
import { withLastGood } from './with-database.ts';

export interface PairOptions extends SettingOptions {
  readonly dryRun?: boolean;
  /** A person: key in `people:`, account or name. */
  readonly explain?: string;
  /** Seconds. */
  readonly wait?: string;
}

const LOOK_EVERY_MS = 200;

/** Asks the running bot for a round, or to show the one that would be, and prints what came of it. */
export function pair(target: string, options: PairOptions): Promise<number> {
  const waitMs = Number(options.wait ?? 120) * 1000;
  if (!Number.isFinite(waitMs) || waitMs < 0) throw new StartFailed(`--wait ${options.wait} is no number of seconds`);
  if (options.explain !== undefined && !options.dryRun)
    throw new StartFailed('--explain belongs to --dry-run: say both');
  return withLastGood(options, async (database, _, config) => {
    const rounds = (config.skills['coffee'] as CoffeeOptions | undefined)?.rounds;
    if (!rounds) throw new StartFailed('the skill coffee is off: configure a round under skills.coffee.rounds');
    // A slip is told at once; the bot has the last word, since its configuration may be newer.
    const names = roundsCalled({ rounds }, target);
    if (names.length === 0)
      throw new StartFailed(
        `no coffee round is called "${target}", and none is in such a room; configured are: ${Object.keys(rounds).join(', ') || 'none'}`,
      );
    const id = randomUUID();
    const payload = {
      ...{ id, target, dry: options.dryRun === true },
      ...(options.explain !== undefined && { explain: options.explain }),
    };
    await insertEvents(database.query, [
      {
        ...{ source: 'cli', sourceId: id, kind: 'emit', skill: 'coffee', name: 'coffee.pair' },
        ...{ lane: 'coffee:coffee.pair', payload: JSON.stringify(payload), happenedAt: new Date() },
      },
    ]);
    const answers = await waitFor(database, id, names.length, waitMs);
    for (const { says } of answers) console.log(says);
    if (answers.length > 0) return answers.every(({ ok }) => ok) ? 0 : 1;
    console.log(
      options.dryRun
        ? 'No bot has answered; is one running? `watchbell doctor` says more.'
        : 'Stored: the round begins as soon as a bot runs. None has answered yet; `watchbell doctor` says more.',
    );
    return options.dryRun ? 1 : 0;
  });
}

interface Answer {
  readonly ok: boolean;
  readonly says: string;
}

/** One answer a round, or one that there is no such round. */
async function waitFor(database: Database, id: string, rounds: number, waitMs: number): Promise<Answer[]> {
  for (const deadline = performance.now() + waitMs; ;) {
    const rows = await database.query<{ key: string; value: string }>(
      "select key, value from skill_state where skill = 'coffee' and (key = $1 or starts_with(key, $1 || ':')) order by key",
      [`request:${id}`],
    );
    const isAll = rows.length >= rounds || rows.some(({ key }) => key === `request:${id}`);
    if (isAll || performance.now() >= deadline) return rows.map(({ value }) => JSON.parse(value) as Answer);
    await sleep(LOOK_EVERY_MS);
  }
}
