import { CommandError, escape, formatTime, type Command, type CommandContext } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { personId } from './words.ts';

type Said = CommandContext<CoffeeOptions, Record<string, unknown>>;

const me = ({ sender }: Said): string => personId(sender.connector, sender.accountId, sender.person);

async function write(context: Said, until: Date | 'infinity' | null, skip: boolean): Promise<void> {
  await context.sql(
    `insert into coffee_absences (person, until, skip) values ($1, $2, $3)
     on conflict (person) do update set until = excluded.until, skip = excluded.skip`,
    [me(context), until, skip],
  );
}

/** `coffee pause until 2026-12-01`, `coffee pause for 3w`, `coffee pause`. */
export const pause: Command<CoffeeOptions> = {
  help: 'leaves you out until a day, for a time, or until `coffee join`',
  class: 'respond',
  late: 'run',
  also: ['coffee stop', 'coffee leave'],
  async run(context) {
    const { args, now, timeZone } = context;
    const given = args['date'] === undefined ? undefined : parseDay(String(args['date']), timeZone);
    const until = given ?? (args['time'] === undefined ? undefined : new Date(now.getTime() + Number(args['time'])));
    if (until && until <= now)
      throw new CommandError(`${escape(String(args['date']))} is past; say a day that is to come.`);
    await write(context, until ?? 'infinity', false);
    return until
      ? `You are left out until ${formatTime(until, timeZone, now)}. \`coffee join\` brings you back sooner.`
      : 'You are left out from now on. `coffee join` brings you back.';
  },
};

export const skip: Command<CoffeeOptions> = {
  help: 'leaves you out of the next round only',
  class: 'respond',
  late: 'run',
  async run(context) {
    const [row] = await context.sql<{ paused: boolean }>(
      'select until > $2 as paused from coffee_absences where person = $1 for update',
      [me(context), context.now],
    );
    if (row?.paused) return 'You are left out anyway; `coffee join` brings you back.';
    await write(context, null, true);
    return context.tapped ? undefined : 'You skip the next round. `coffee join` takes that back.';
  },
};

export const join: Command<CoffeeOptions> = {
  help: 'takes part again',
  class: 'respond',
  late: 'run',
  also: ['coffee resume'],
  async run(context) {
    await context.sql('delete from coffee_absences where person = $1', [me(context)]);
    return context.tapped ? undefined : 'You take part in the next round.';
  },
};

/** The beginning of a day in the bot's zone. */
function parseDay(text: string, timeZone: string): Date {
  const day = new Date(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || day.toJSON()?.slice(0, 10) !== text)
    throw new CommandError(`"${escape(text)}" is not a day; say it like \`coffee pause until 2026-12-01\`.`);
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    day: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(day).map(({ type, value }) => [type, Number(value)]));
  const ahead = ((parts['hour'] ?? 0) * 60 + (parts['minute'] ?? 0)) * 60_000;
  // West of Greenwich the local clock shows the evening before.
  return new Date(day.getTime() - (parts['day'] === day.getUTCDate() ? ahead : ahead - 86_400_000));
}
