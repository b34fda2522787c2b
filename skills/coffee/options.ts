import { nextTick, parseDuration, z, type Names, type Problem } from '#skill';
import { isPattern } from './name-pattern.ts';

/** A request this soon after a round's start refers to that round: a CronJob and `every` may both request it. */
export const SAME_ROUND_MS = 12 * 3_600_000;

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration like 12h or 5d` });
  return z.NEVER;
});

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const AT = /^(?:([a-z,-]+) )?([01]?\d|2[0-3]):([0-5]\d)$/i;

/** Turns `Mon`, `Mon-Fri`, `Fri-Mon`, `Mon,Thu`, in any case, into days for cron; undefined: not a list of days. */
function daysOf(text: string): string | undefined {
  const days = text.split(',').flatMap((range) => {
    const [first = -1, last = first, ...more] = range
      .split('-')
      .map((day) => DAYS.findIndex((one) => one.toLowerCase() === day.toLowerCase()));
    if (first < 0 || last < 0 || more.length > 0) return [undefined];
    return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, at) => DAYS[(first + at) % 7]);
  });
  return days.includes(undefined) ? undefined : [...new Set(days)].join(',');
}

/** `Mon 10:00`, `Mon,Thu 10:00`, `10:00`, or a cron expression; becomes a cron expression. */
const every = z.string().transform((text, context): string => {
  const at = AT.exec(text);
  const days = at?.[1] === undefined ? '*' : daysOf(at[1]);
  if (at && days === undefined) {
    context.addIssue({ code: 'custom', message: `"${at[1] ?? ''}" is not a list of days like Mon-Fri or Mon,Wed,Fri` });
    return z.NEVER;
  }
  const fields = at ? `${Number(at[3])} ${Number(at[2])} * * ${days ?? '*'}` : text;
  try {
    if (fields.trim().split(/\s+/).length === 5 && nextTick(fields, 'UTC', new Date(0))) return fields;
  } catch {
    // reported below
  }
  context.addIssue({
    code: 'custom',
    message: `"${text}" is neither a time like "Mon 10:00" nor a cron expression like "0 10 * * 1"`,
  });
  return z.NEVER;
});

const round = z.strictObject({
  room: z
    .union([z.string().transform((one) => [one]), z.array(z.string()).min(1)])
    .describe('Room whose members are paired; several rooms are combined.'),
  every: every
    .optional()
    .describe(
      "When a round starts: Mon 10:00, or cron, in the bot's time zone. Default: only with `watchbell pair` or `coffee pair`.",
    ),
  size: z.int().min(2).max(20).default(2).describe('People per group.'),
  odd: z.enum(['join', 'rest']).default('join').describe('Leftover people join a group, or sit out, taking turns.'),
  apart: z
    .array(z.array(z.string()).min(2))
    .default([])
    .describe('Lists of people (keys in people:, or account ids) who are never put together.'),
  across: z
    .array(z.string())
    .default([])
    .describe('Groups that should mix: two people from the same group only meet if that avoids a repeat.'),
  without: z
    .array(z.string())
    .default([])
    .describe('Accounts that never take part, for example other bots; `*` matches any characters: `*-bot`.'),
  warn: duration.optional().describe('How long before a round to announce it in the room.'),
  followUp: duration.optional().describe('How long after a round to ask people whether they met.'),
});

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name consists of letters, digits, ".", "_" and "-"');

export const coffeeOptions = z.strictObject({
  rounds: z.record(name, round).default({}).describe('One entry per round.'),
});

export type CoffeeOptions = z.output<typeof coffeeOptions>;
export type RoundOptions = z.output<typeof round>;

export function checkCoffee(options: CoffeeOptions, names: Names): Problem[] {
  return Object.entries(options.rounds).flatMap(([key, given]) => {
    const path = ['rounds', key];
    const rooms = given.room
      .filter((one) => !names.rooms.includes(one))
      .map((one): Problem => ({
        path: [...path, 'room'],
        message: `there is no room called "${one}"; add it under rooms:`,
      }));
    const groups = given.across
      .filter((one) => !names.groups.includes(one))
      .map((one): Problem => ({ path: [...path, 'across'], message: `nobody under people: is in the group "${one}"` }));
    const warning: Problem[] =
      given.warn !== undefined && given.every === undefined
        ? [
            {
              path: [...path, 'warn'],
              message: 'without `every` there is no next round to announce; add `every`, or remove `warn`',
            },
          ]
        : [];
    const quick: Problem[] =
      given.every !== undefined && isTooFrequent(given.every)
        ? [
            {
              path: [...path, 'every'],
              message:
                'rounds must be more than 12 hours apart: an earlier one counts as the same round and is skipped; use fewer times',
            },
          ]
        : [];
    const people = [...given.apart.flat(), ...given.without.filter((one) => !isPattern(one))]
      .filter((one) => !/[@:]/.test(one) && !names.people.includes(one))
      .map((one): Problem => ({
        path: [...path, given.without.includes(one) ? 'without' : 'apart'],
        message: `nobody under people: has the key "${one}"; it has no effect unless it is an account id`,
        warning: true,
      }));
    return [...rooms, ...groups, ...warning, ...quick, ...people];
  });
}

/** Checks the first 50 times of a schedule: more than a week of any that is allowed. */
function isTooFrequent(every: string): boolean {
  let before: Date | undefined;
  for (let at = nextTick(every, 'UTC', new Date(0)), times = 0; at && times < 50; times++) {
    if (before && at.getTime() - before.getTime() <= SAME_ROUND_MS) return true;
    [before, at] = [at, nextTick(every, 'UTC', at)];
  }
  return false;
}

/** The rounds a word refers to: the round of that name, otherwise the rounds of that room. */
export function roundsNamed(options: CoffeeOptions, word: string): string[] {
  if (Object.hasOwn(options.rounds, word)) return [word];
  return Object.keys(options.rounds).filter((key) => options.rounds[key]?.room.includes(word));
}
