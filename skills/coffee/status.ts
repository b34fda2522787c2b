import { escape, formatTime, nextTick, type Command, type CommandContext, type Context } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { matchesAny } from './name-pattern.ts';
import { latestRound, progressOf } from './rounds.ts';
import { myIds, type GroupMember } from './person-ids.ts';
import { exampleDay, list } from './wording.ts';

interface PastGroup {
  readonly number: number;
  readonly began_at: Date;
  readonly people: readonly GroupMember[];
  readonly answer: string | null;
}

/** Past groups of a person, newest first, without those that have not been told yet. */
async function pastGroups(
  { sql }: Context<CoffeeOptions>,
  ids: readonly string[],
  limit: number,
): Promise<PastGroup[]> {
  return sql<PastGroup>(
    `select g.number, r.began_at, g.people, g.answer from coffee_groups g join coffee_rounds r on r.id = g.round_id
     where g.state <> 'waiting' and g.number = any(array(select group_number from coffee_members where person = any($1)))
     order by g.number desc limit $2`,
    [ids, limit],
  );
}

const ANSWERS: Readonly<Record<string, string>> = { met: 'met', planned: 'planned', no: 'did not meet' };

function withWhom({ people }: PastGroup, ids: readonly string[]): string {
  return list(people.filter(({ id }) => !ids.includes(id)).map(({ name }) => name));
}

/** When the next round is, the state of the last one, whether the sender takes part, and whom they were last paired with. */
export const status: Command<CoffeeOptions> = {
  help: 'shows when the next round is, and whether you take part',
  also: ['coffee'],
  async run(context) {
    const { sql, now, timeZone, options, room } = context;
    const rounds = Object.entries(options.rounds).filter(
      ([, round]) => room.name === undefined || round.room.includes(room.name),
    );
    const lines: string[] = [];
    for (const [name, { every }] of rounds) {
      const next = every === undefined ? undefined : nextTick(every, timeZone, now);
      lines.push(
        `${escape(name)}: ${next ? `next round ${formatTime(next, timeZone, now)}` : 'no next round is scheduled'}`,
      );
      const last = await latestRound(sql, name);
      const rest = last && progressOf(last);
      if (last && rest !== undefined)
        lines.push(`Round ${last.number}, started ${formatTime(last.began_at, timeZone, now)}: ${escape(rest)}`);
      if (last?.state === 'failed')
        lines.push(`Round ${last.number} failed: ${escape(last.reason ?? '')}. \`!coffee pair\` starts a new one.`);
    }
    const ids = myIds(context);
    const [last] = await pastGroups(context, ids, 1);
    const lastly =
      last && `Last time (${formatTime(last.began_at, timeZone, now)}) you were paired with ${withWhom(last, ids)}.`;
    return [...lines, await participation(context, rounds), lastly].filter((line) => line !== undefined).join('\n');
  },
};

/** Whether the sender takes part in these rounds, and how to change that. */
async function participation(
  context: CommandContext<CoffeeOptions, Record<string, unknown>>,
  rounds: readonly (readonly [string, CoffeeOptions['rounds'][string]])[],
): Promise<string> {
  const { sql, now, timeZone, sender } = context;
  const ids = myIds(context);
  if (sender.guest) return 'Guests are not paired.';
  const names = [...ids, sender.accountId, sender.person ?? ''];
  if (rounds.length > 0 && rounds.every(([, { without }]) => matchesAny(without, names)))
    return 'You are not paired: the configuration excludes you (`without`).';
  const [pause] = await sql<{ until: Date | null }>(
    `select case when isfinite(until) then until end as until from coffee_absences where person = any($1) and until > $2 order by coffee_absences.until desc limit 1`,
    [ids, now],
  );
  if (pause)
    return `You are paused until ${pause.until ? `${formatTime(pause.until, timeZone, now)}; say \`!coffee join\` to come back sooner` : 'you say `!coffee join`'}.`;
  const skips = await sql<{ name: string }>(
    'select distinct name from coffee_skips where person = any($1) and name = any($2) order by name',
    [ids, rounds.map(([name]) => name)],
  );
  if (skips.length > 0)
    return `You are skipping the next round of ${list(skips.map(({ name }) => name))}; \`!coffee join\` undoes that.`;
  return `You take part as long as you are in the room. \`!coffee skip\` skips the next round, \`!coffee pause until ${exampleDay(now)}\` all rounds until then.`;
}

export const history: Command<CoffeeOptions> = {
  help: 'lists whom you were paired with, newest first',
  async run(context) {
    const ids = myIds(context);
    const rows = await pastGroups(context, ids, 20);
    if (rows.length === 0) return 'You have not been in a coffee round yet.';
    return rows
      .map((row) => {
        const said = row.answer === null ? '' : `, ${ANSWERS[row.answer] ?? ''}`;
        return `#${row.number} ${formatTime(row.began_at, context.timeZone, context.now)} with ${withWhom(row, ids)}${said}`;
      })
      .join('\n');
  },
};
