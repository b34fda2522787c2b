import { CommandError, escape, formatTime, type Command, type CommandContext } from '#skill';
import { startOfDay } from './start-of-day.ts';
import { roundsNamed, type CoffeeOptions } from './options.ts';
import { myIds } from './person-ids.ts';
import { exampleDay, list } from './wording.ts';

type CoffeeCommand = CommandContext<CoffeeOptions, Record<string, unknown>>;

/** `coffee pause until 2026-12-01`, `coffee pause for 3w`, `coffee pause`. */
export const pause: Command<CoffeeOptions> = {
  help: 'leaves you out until a date, for a while, or until you say `coffee join`',
  class: 'respond',
  late: 'run',
  also: ['coffee stop', 'coffee leave'],
  async run(context) {
    const { sql, now, timeZone } = context;
    const until = pauseEnd(context);
    const [me, ...before] = myIds(context);
    await sql('delete from coffee_absences where person = any($1)', [before]);
    await sql(
      `insert into coffee_absences (person, until) values ($1, $2) on conflict (person) do update set until = excluded.until`,
      [me, until ?? 'infinity'],
    );
    return until
      ? `You are paused until ${formatTime(until, timeZone, now)}. Say \`!coffee join\` to come back sooner.`
      : 'You are paused until you say `!coffee join`.';
  },
};

/** Undefined: until they join again. */
function pauseEnd({ args, now, timeZone }: CoffeeCommand): Date | undefined {
  const { date, time } = args;
  if (date !== undefined && time !== undefined)
    throw new CommandError(
      `Use either \`!coffee pause until ${exampleDay(now)}\` or \`!coffee pause for 3w\`, not both.`,
    );
  if (date === undefined && time === undefined) return undefined;
  const until = date === undefined ? new Date(now.getTime() + Number(time)) : startOfDay(String(date), timeZone);
  if (!until)
    throw new CommandError(
      `"${escape(String(date))}" is not a date; write for example \`!coffee pause until ${exampleDay(now)}\`.`,
    );
  if (until <= now)
    throw new CommandError(`That date is in the past; write for example \`!coffee pause until ${exampleDay(now)}\`.`);
  return until;
}

/** Skips the sender's next round: of the given name, of this room, or of all rounds in a direct message. */
export const skip: Command<CoffeeOptions> = {
  help: 'skips only the next round',
  class: 'respond',
  late: 'run',
  // The button under a warning: with the number of that round.
  also: ['coffee skip {name} {n:int}'],
  async run(context) {
    const { sql, now, tapped } = context;
    const names = roundsMeant(context);
    if (await hasStarted(context))
      throw new CommandError('That round has already started. `!coffee skip` skips the next one.');
    const paused = await sql('select 1 from coffee_absences where person = any($1) and until > $2', [
      myIds(context),
      now,
    ]);
    if (paused.length > 0) return 'You are already paused; say `!coffee join` to come back.';
    await sql(
      'insert into coffee_skips (name, person) select name, $2 from unnest($1::text[]) as name on conflict do nothing',
      [names.toSorted(), myIds(context)[0]],
    );
    return tapped ? undefined : `You are skipping the next round of ${list(names)}. \`!coffee join\` undoes that.`;
  },
};

/** Undoes the reaction to a warning. Does not touch a pause, nor a round that has started. */
export const unskip: Command<CoffeeOptions> = {
  help: 'takes part in the next round after all',
  class: 'respond',
  late: 'run',
  hidden: true,
  async run(context) {
    if (await hasStarted(context)) return;
    await context.sql('delete from coffee_skips where name = $1 and person = any($2)', [
      context.args['name'],
      myIds(context),
    ]);
  },
};

export const join: Command<CoffeeOptions> = {
  help: 'takes part again',
  class: 'respond',
  late: 'run',
  also: ['coffee resume'],
  async run(context) {
    await context.sql('delete from coffee_absences where person = any($1)', [myIds(context)]);
    await context.sql('delete from coffee_skips where person = any($1)', [myIds(context)]);
    return 'You take part in the next round.';
  },
};

function roundsMeant({ args, room, options }: CoffeeCommand): string[] {
  const all = Object.keys(options.rounds);
  if (args['name'] === undefined && room.name === undefined) return all;
  const word = args['name'] === undefined ? (room.name ?? '') : String(args['name']);
  const names = roundsNamed(options, word);
  if (names.length === 0)
    throw new CommandError(
      `There is no coffee round called "${escape(word)}". Configured rounds: ${all.map(escape).join(', ') || 'none'}.`,
    );
  return names;
}

async function hasStarted({ sql, args }: CoffeeCommand): Promise<boolean> {
  if (args['n'] === undefined) return false;
  const rows = await sql('select 1 from coffee_rounds where name = $1 and number >= $2', [args['name'], args['n']]);
  return rows.length > 0;
}
