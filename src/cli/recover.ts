import { dropHeld, listHeld, releaseHeld } from '../backup/held-work.ts';
import { formatDuration, parseDuration } from '../chat/duration.ts';
import type { Query } from '../db/database.ts';
import { StartFailed } from '../errors.ts';
import { recoverTimers, type Overdue } from '../timers/overdue-timers.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withLastGood } from './with-database.ts';

export interface RecoverCommandOptions extends ProgramSetupOptions {
  /** Duration such as `30s`. */
  readonly olderThan: string;
  /** What to do with the work that a restore holds: `list`, `release` or `drop`. Without it, only overdue timers are handled. */
  readonly held?: string;
}

/** Hands over overdue timers that no replica fired. 0: nothing is overdue, or a live replica has it now; 1: something is still overdue. */
export function recover(options: RecoverCommandOptions): Promise<number> {
  const olderThanMs = parseDuration(options.olderThan);
  if (olderThanMs === undefined)
    throw new StartFailed(`--older-than "${options.olderThan}" is not a duration like 30s or 5m`);
  if (options.held !== undefined && !['list', 'release', 'drop'].includes(options.held))
    throw new StartFailed(`--held takes list, release or drop, not "${options.held}"`);
  return withLastGood(options, async (database, setup, config) => {
    if (options.held !== undefined) return recoverHeld(database.query, options.held);
    const known = setup.folders.skills
      .filter(({ skill }) => Object.hasOwn(config.skills, skill.name))
      .flatMap(({ skill }) => Object.keys(skill.timers ?? {}).map((name) => `${skill.name} ${name}`));
    const { replicas, handedOver, unknown, unhandled } = await recoverTimers(database.query, { olderThanMs, known });
    for (const one of handedOver) console.log(`${describe(one)}: handed over.`);
    for (const one of unhandled) console.log(`${describe(one)}: fired, but not handled yet.`);
    for (const one of unknown)
      console.log(
        `${describe(one)}: skipped, because this configuration has no such skill; configure the skill, or ignore them.`,
      );
    if (handedOver.length + unknown.length + unhandled.length === 0) {
      console.log(`No timer is overdue by more than ${formatDuration(olderThanMs)}.`);
      return 0;
    }
    if (replicas === 0)
      console.log(
        'No replica is alive: the timers are handled when the next one starts. Find out why none is running.',
      );
    else if (handedOver.length > 0)
      console.log(`${replicas === 1 ? 'One replica is' : `${replicas} replicas are`} alive; it takes a second.`);
    if (replicas > 0 && unhandled.length > 0)
      console.log(
        'A replica is alive but does not handle some of them: check its log, and whether its configuration is older than this one.',
      );
    return replicas > 0 && unknown.length === 0 && unhandled.length === 0 ? 0 : 1;
  });
}

/** A person decides about the work that a restore holds: it may have been done after the backup. */
async function recoverHeld(query: Query, what: string): Promise<number> {
  const held = await listHeld(query);
  if (held.length === 0) {
    console.log('Nothing is held.');
    return 0;
  }
  if (what === 'release') await releaseHeld(query);
  if (what === 'drop') await dropHeld(query);
  const outcome = what === 'release' ? 'released' : what === 'drop' ? 'dropped' : 'held';
  for (const { kind, skill, name, count, since } of held)
    console.log(
      `${skill} ${name}: ${count === 1 ? `one ${kind}` : `${count} ${kind}s`}, ${kind === 'timer' ? 'due' : 'requested'} ${since.toISOString()}: ${outcome}.`,
    );
  if (what === 'list')
    console.log(
      'These may have been done after the backup was made: `watchbell recover --held release` does them now, `--held drop` discards them.',
    );
  return 0;
}

function describe({ skill, name, count, since }: Overdue): string {
  const late = formatDuration(Date.now() - since.getTime());
  return `${skill} ${name}: ${count === 1 ? 'one timer' : `${count} timers`}, due ${late} ago (${since.toISOString()})`;
}
