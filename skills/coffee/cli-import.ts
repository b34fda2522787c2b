import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { messageOf, StartFailed, type People, type Program } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { count } from './wording.ts';

interface Pair {
  readonly one: string;
  readonly other: string;
  readonly times: number;
}

/** Imports from mattermost-coffeebot's database how often each pair met. Running it again changes nothing. */
export function importCoffeebot({ args, flags, print, withDatabase }: Program<CoffeeOptions>): Promise<number> {
  const [file = ''] = args;
  const connector = textOf(flags['connector']) ?? 'mattermost';
  return withDatabase(async ({ options, people, sql }) => {
    const round = only(Object.keys(options?.rounds ?? {}), textOf(flags['round']), 'round', 'skills.coffee.rounds');
    const peopleFile = textOf(flags['people']);
    const given = peopleFile === undefined ? new Map<string, string>() : await readPeople(peopleFile, people);
    const idOf = (account: string): string =>
      given.get(account) ?? people.byAccount(connector, account)?.id ?? `${connector} ${account}`;
    const pairs = (await readPairs(file)).map((pair) => ({ ...pair, one: idOf(pair.one), other: idOf(pair.other) }));
    const changed = await sql(
      `insert into coffee_met (name, one, other, times, last)
       select $1, least(one collate "C", other collate "C"), greatest(one collate "C", other collate "C"), max(times), 0
       from jsonb_to_recordset($2::jsonb) as x (one text, other text, times integer) where one <> other group by 2, 3 order by 2, 3
       on conflict (name, one, other) do update set times = excluded.times where coffee_met.times < excluded.times
       returning 1`,
      [round, JSON.stringify(pairs)],
    );
    const strangers = new Set(pairs.flatMap(({ one, other }) => [one, other]).filter((id) => !people.byId(id)));
    if (strangers.size > 0)
      print(
        `${count(strangers.size, 'user')} not listed under people:, stored as "${connector} USER-ID". They are recognised once a connector called ${connector} is configured; or map them to people with --people.`,
      );
    print(
      `Read ${pairs.length} pairs of ${new Set(pairs.flatMap(({ one, other }) => [one, other])).size} people; ${changed.length} are new to the round ${round}.`,
    );
    return 0;
  });
}

function textOf(flag: string | boolean | undefined): string | undefined {
  return typeof flag === 'string' ? flag : undefined;
}

function only(known: readonly string[], given: string | undefined, what: string, where: string): string {
  if (given !== undefined && known.includes(given)) return given;
  if (given !== undefined)
    throw new StartFailed(`there is no ${what} called "${given}"; configured: ${known.join(', ') || 'none'}`);
  const [first, ...others] = known;
  if (first === undefined) throw new StartFailed(`there is no ${what} to import into: add one under ${where}`);
  if (others.length > 0) throw new StartFailed(`choose the ${what} with --${what}: ${known.join(', ')}`);
  return first;
}

async function readPeople(file: string, people: People): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new StartFailed(`cannot read ${file}: ${messageOf(error)}`, { cause: error });
  });
  const found = new Map<string, string>();
  for (const [at, line] of text.split('\n').entries()) {
    const [account, person, ...more] = line.trim().split(/[\s,;]+/);
    if (!account || account.startsWith('#')) continue;
    if (!person || more.length > 0 || !people.byId(person))
      throw new StartFailed(
        `${file}:${at + 1}: expected a user id and a key of people:, for example "4xp9fdt77pncbef59f4k1qe83o ann"`,
      );
    found.set(account, person);
  }
  return found;
}

/** Pairs that met at least once. That bot stores a row for every possible pair, most of them with 0. */
async function readPairs(file: string): Promise<Pair[]> {
  if (!existsSync(file))
    throw new StartFailed(
      `${file} does not exist; the database of mattermost-coffeebot is usually called coffeebot.db`,
    );
  // Imported here because only this command needs it, and Node warns that it is experimental.
  const { DatabaseSync } = await import('node:sqlite');
  try {
    const source = new DatabaseSync(file, { readOnly: true });
    try {
      const rows = source
        .prepare('select first_user_id as one, second_user_id as other, count as times from pairs where count > 0')
        .all();
      return rows.map((row) => ({ one: String(row['one']), other: String(row['other']), times: Number(row['times']) }));
    } finally {
      source.close();
    }
  } catch (error) {
    throw new StartFailed(`${file} is not the database of mattermost-coffeebot: ${messageOf(error)}`, { cause: error });
  }
}
