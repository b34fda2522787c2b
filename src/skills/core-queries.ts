import { z } from 'zod';
import { type QueryContext, defineQuery, listByKey, listInput, listOf, listOutput } from '../contract/query.ts';
import { hasEffect, type LinkedAccount } from '../people/linked-accounts.ts';
import type { Registry } from '../registry/registry.ts';

export interface CoreQueryServices {
  readonly version: string;
  readonly registry: () => Registry;
}

const words = z.array(z.string());

/** Queries about the bot itself. They return no platform ids or accounts, except for the audit. */
export function createCoreQueries({ version, registry }: CoreQueryServices) {
  return {
    version: defineQuery({
      help: 'returns the running version',
      input: z.object({}),
      output: z.object({ name: z.string(), version: z.string() }),
      run: () => ({ name: registry().botName, version }),
    }),
    rooms: defineQuery({
      help: 'lists the configured rooms',
      input: z.object(listInput()),
      output: listOutput(z.object({ name: z.string(), connectors: words, failover: z.string().nullable() })),
      run: ({ rooms, canIn }, page) => {
        const mine = rooms.all().filter(({ name }) => canIn(name));
        const items = mine.map(({ name, addresses, failover = null }) => ({
          ...{ name, failover },
          connectors: [...new Set(addresses.map(({ connector }) => connector))],
        }));
        return listByKey(items, page, ({ name }) => name);
      },
    }),
    skills: defineQuery({
      help: 'lists the skills with their commands and queries',
      input: z.object(listInput()),
      output: listOutput(z.object({ name: z.string(), description: z.string(), commands: words, queries: words })),
      run: (_context, page) => {
        const { skills, commands } = registry();
        const items = [...skills.values()].map(({ skill }) => ({
          ...{ name: skill.name, description: skill.description ?? '' },
          commands: commands.all
            .filter((entry) => entry.skill === skill.name && !entry.command.hidden)
            .map(({ name }) => name),
          queries: Object.keys(skill.queries ?? {}),
        }));
        return listByKey(items, page, ({ name }) => name);
      },
    }),
    people: defineQuery({
      help: 'lists the configured people',
      input: z.object(listInput()),
      output: listOutput(z.object({ id: z.string(), name: z.string() })),
      run: ({ people }, page) =>
        listByKey(
          people.all().map(({ id, name }) => ({ id, name })),
          page,
          ({ id }) => id,
        ),
    }),
    links,
    audit,
  };
}

const links = defineQuery({
  help: 'lists the accounts that people linked, also those without effect',
  class: 'admin',
  input: z.object(listInput()),
  output: listOutput(
    z.object({
      person: z.string().describe('Their key under people:.'),
      connector: z.string(),
      account: z.string(),
      at: z.iso.datetime(),
      active: z.boolean().describe('False: the person is not listed any more, or the configuration says otherwise.'),
    }),
  ),
  async run({ sql, people }: QueryContext, page) {
    const rows = await sql<LinkedAccount & { readonly linked_at: Date }>(
      'select connector, account, person, linked_at from linked_accounts',
    );
    const items = rows.map(({ linked_at: at, ...link }) => ({
      ...link,
      at: at.toISOString(),
      active: hasEffect(people, link),
    }));
    return listByKey(items, page, ({ person, connector, account }) => `${person} ${connector} ${account}`);
  },
});

interface AuditRow {
  readonly id: number;
  readonly at: Date;
  readonly connector: string;
  readonly room: string;
  readonly account: string;
  readonly person: string | null;
  readonly skill: string;
  readonly command: string;
  readonly text: string;
  readonly result: string;
  readonly because: string;
}

const audit = defineQuery({
  help: 'lists commands with actor and result, newest first',
  class: 'admin',
  input: z.object({
    ...listInput(z.string().regex(/^[0-9]{1,15}$/)),
    person: z.string().min(1).max(63).optional().describe('Only commands of this person: their key under people:.'),
    skill: z.string().min(1).max(63).optional().describe('Only commands of this skill.'),
  }),
  output: listOutput(
    z.object({
      id: z.int(),
      at: z.iso.datetime(),
      who: z.string().describe('The person, else the account or token.'),
      room: z.string().nullable().describe('Null: a direct message, the API or the command line.'),
      skill: z.string(),
      command: z.string(),
      text: z.string(),
      result: z.string(),
      because: z.string(),
    }),
  ),
  async run({ sql, rooms }: QueryContext, { limit, cursor, person, skill }) {
    const rows = await sql<AuditRow>(
      `select * from audit where ($1::bigint is null or id < $1) and ($2::text is null or person = $2) and ($3::text is null or skill = $3)
       order by id desc limit $4`,
      [cursor === undefined ? null : Number(cursor), person ?? null, skill ?? null, limit + 1],
    );
    const list = listOf(rows, limit, ({ id }) => String(id));
    return {
      ...list,
      items: list.items.map((row) => ({
        ...{
          id: row.id,
          at: row.at.toISOString(),
          who: row.person ?? row.account,
          room: rooms.byAddress(row)?.name ?? null,
        },
        ...{ skill: row.skill, command: row.command, text: row.text, result: row.result, because: row.because },
      })),
    };
  },
});
