import { nextTick, parseDuration, z, type Names, type Problem } from '#skill';

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a time span like 12h or 5d` });
  return z.NEVER;
});

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const AT = new RegExp(`^(?:(${DAY}(?:[-,]${DAY})*) )?([01]?\\d|2[0-3]):([0-5]\\d)$`);

/** `Mon 10:00`, `Mon,Thu 10:00`, `10:00`, or five fields of cron; resolves to the fields. */
const every = z.string().transform((text, context): string => {
  const at = AT.exec(text);
  const fields = at ? `${Number(at[3])} ${Number(at[2])} * * ${at[1] ?? '*'}` : text;
  try {
    if (fields.trim().split(/\s+/).length === 5 && nextTick(fields, 'UTC', new Date(0))) return fields;
  } catch {
    // said below, in our words
  }
  context.addIssue({ code: 'custom', message: `"${text}" is not a time like "Mon 10:00", nor cron like "0 10 * * 1"` });
  return z.NEVER;
});

const round = z.strictObject({
  /** Whose members are paired; several are joined. */
  room: z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]),
  /** In the bot's time zone; left out: only `watchbell pair` makes a round. */
  every: every.optional(),
  size: z.int().min(2).max(20).default(2),
  /** Who is left over joins another group, or rests in turn. */
  odd: z.enum(['join', 'rest']).default('join'),
  /** Lists of people (keys in `people:`, or account ids) of whom no two are put together. */
  apart: z.array(z.array(z.string()).min(2)).default([]),
  /** Groups of `people:` that should mix. */
  across: z.array(z.string()).default([]),
  /** People who never take part: other bots, for example. */
  without: z.array(z.string()).default([]),
  /** So long before a round the room is told of it. */
  warn: duration.optional(),
  /** So long after it people are asked whether they met. */
  followUp: duration.optional(),
});

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name has letters, digits, ".", "_" and "-"');

export const coffeeOptions = z.strictObject({ rounds: z.record(name, round).default({}) });

export type CoffeeOptions = z.output<typeof coffeeOptions>;
export type RoundOptions = z.output<typeof round>;

export function checkCoffee(options: CoffeeOptions, names: Names): Problem[] {
  return Object.entries(options.rounds).flatMap(([key, given]) => {
    const path = ['rounds', key];
    const rooms = given.room
      .filter((one) => !names.rooms.includes(one))
      .map((one): Problem => ({ path: [...path, 'room'], says: `no room is called "${one}"; add it under rooms:` }));
    const groups = given.across
      .filter((one) => !names.groups.includes(one))
      .map((one): Problem => ({ path: [...path, 'across'], says: `nobody under people: is in a group "${one}"` }));
    const warning: Problem[] =
      given.warn !== undefined && given.every === undefined
        ? [
            {
              path: [...path, 'warn'],
              says: 'without `every` nobody knows when the next round is; add it, or leave this out',
            },
          ]
        : [];
    return [...rooms, ...groups, ...warning];
  });
}

/** The rounds that a word means: a round's own name, else those of a room. */
export function roundsCalled(options: CoffeeOptions, word: string): string[] {
  if (Object.hasOwn(options.rounds, word)) return [word];
  return Object.keys(options.rounds).filter((key) => options.rounds[key]?.room.includes(word));
}
