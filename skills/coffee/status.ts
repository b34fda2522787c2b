import { escape, formatTime, nextTick, type Command, type CommandContext, type Context } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { list, personId, type Reached } from './words.ts';

interface Past {
  readonly number: number;
  readonly name: string;
  readonly round: number;
  readonly began_at: Date;
  readonly people: readonly Reached[];
  readonly answer: string | null;
}

async function past({ sql }: Context<CoffeeOptions>, person: string, limit: number): Promise<Past[]> {
  return sql<Past>(
    `select g.number, r.name, r.number as round, r.began_at, g.people, g.answer
     from coffee_members m join coffee_groups g on g.number = m.group_number join coffee_rounds r on r.id = g.round_id
     where m.person = $1 order by g.number desc limit $2`,
    [person, limit],
  );
}

const me = ({ sender }: Pick<CommandContext, 'sender'>): string =>
  personId(sender.connector, sender.accountId, sender.person);

const ANSWERS: Readonly<Record<string, string>> = { met: 'met', planned: 'planned', no: 'did not meet' };

function withWhom({ people }: Past, person: string): string {
  return list(people.filter(({ id }) => id !== person).map(({ name }) => name));
}

/** Whether I take part, when the next round is, and with whom I was last. */
export const status: Command<CoffeeOptions> = {
  help: 'shows when the next round is, and whether you take part',
  also: ['coffee'],
  async run(context) {
    const { sql, now, timeZone, options, room } = context;
    const person = me(context);
    const [absence] = await sql<{ until: Date | null; forever: boolean; skip: boolean }>(
      `select case when isfinite(until) then until end as until, until = 'infinity' as forever, skip
       from coffee_absences where person = $1 and (skip or until > $2)`,
      [person, now],
    );
    const lines = Object.entries(options.rounds)
      .filter(([, round]) => room.name === undefined || round.room.includes(room.name))
      .map(([name, { every }]) => {
        const next = every === undefined ? undefined : nextTick(every, timeZone, now);
        return `${escape(name)}: ${next ? `next round ${formatTime(next, timeZone, now)}` : 'no time is set for the next round'}`;
      });
    const taking = absence
      ? absence.skip
        ? 'You skip the next round; `coffee join` takes that back.'
        : `You are left out ${absence.until ? `until ${formatTime(absence.until, timeZone, now)}` : 'until you say `coffee join`'}.`
      : 'You take part. `coffee skip` misses the next round, `coffee pause until 2026-12-01` those until then.';
    const [last] = await past(context, person, 1);
    const lastly =
      last && `Last time you were with ${withWhom(last, person)} (${last.began_at.toISOString().slice(0, 10)}).`;
    return [...lines, taking, lastly].filter((line) => line !== undefined).join('\n');
  },
};

export const history: Command<CoffeeOptions> = {
  help: 'lists with whom you were, newest first',
  async run(context) {
    const person = me(context);
    const rows = await past(context, person, 20);
    if (rows.length === 0) return 'You have not been in a coffee round yet.';
    return rows
      .map((row) => {
        const said = row.answer === null ? '' : `, ${ANSWERS[row.answer] ?? ''}`;
        return `#${row.number} ${row.began_at.toISOString().slice(0, 10)} with ${withWhom(row, person)}${said}`;
      })
      .join('\n');
  },
};
