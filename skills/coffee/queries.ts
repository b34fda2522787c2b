import { defineQuery, listByKey, listInput, listOf, listOutput, nextTick, z, type QueryContext } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { latestRound } from './rounds.ts';

type CoffeeQuery = QueryContext<CoffeeOptions>;

const time = z.iso.datetime();
const state = z
  .enum(['pairing', 'opening', 'told', 'failed'])
  .describe('Groups being computed; conversations being opened; everyone told; failed.');

const rounds = defineQuery({
  help: 'lists the rounds, when the next ones start, and the state of the last ones',
  input: z.object(listInput()),
  output: listOutput(
    z.object({
      name: z.string(),
      rooms: z.array(z.string()),
      next: time.nullable().describe('Null: not scheduled.'),
      last: z
        .object({
          number: z.int(),
          began: time,
          state,
          groups: z.int(),
          waiting: z.int(),
          reason: z.string().nullable(),
        })
        .nullable(),
    }),
  ),
  async run({ options, sql, now, timeZone, canIn }: CoffeeQuery, page) {
    const mine = Object.entries(options.rounds).filter(([, { room }]) => room.some(canIn));
    const { items, next } = listByKey(mine, page, ([name]) => name);
    const described = [];
    for (const [name, { room, every }] of items) {
      const last = await latestRound(sql, name);
      described.push({
        ...{ name, rooms: room.filter(canIn) },
        next: (every === undefined ? undefined : nextTick(every, timeZone, now))?.toISOString() ?? null,
        last: last ? { ...last, began: last.began_at.toISOString() } : null,
      });
    }
    return { items: described, ...(next !== undefined && { next }) };
  },
});

const history = defineQuery({
  help: 'lists past rounds, newest first, with the number of groups that said they met',
  input: z.object({
    ...listInput(z.string().regex(/^[0-9]{1,13}-[0-9]{1,9}$/)),
    name: z.string().min(1).max(63).optional().describe('Only rounds of this name.'),
  }),
  output: listOutput(
    z.object({
      name: z.string(),
      number: z.int(),
      began: time,
      state,
      groups: z.int(),
      met: z.int(),
      planned: z.int(),
      no: z.int(),
    }),
  ),
  async run({ options, sql, canIn }: CoffeeQuery, { limit, cursor, name }) {
    const names = Object.keys(options.rounds).filter((one) => options.rounds[one]?.room.some(canIn));
    const [beganMs = 0, number = 0] = (cursor ?? '').split('-').map(Number);
    const rows = await sql<{
      name: string;
      number: number;
      began_at: Date;
      state: z.output<typeof state>;
      groups: number;
      met: number;
      planned: number;
      no: number;
    }>(
      `select r.name, r.number, r.began_at, r.state, count(g.number)::int as groups,
         count(*) filter (where answer = 'met')::int as met, count(*) filter (where answer = 'planned')::int as planned, count(*) filter (where answer = 'no')::int as no
       from coffee_rounds r left join coffee_groups g on g.round_id = r.id
       where r.name = any($1) and ($2::text is null or r.name = $2)
         and ($3::boolean or (floor(extract(epoch from r.began_at) * 1000), r.number) < ($4, $5))
       group by r.id order by floor(extract(epoch from r.began_at) * 1000) desc, r.number desc limit $6`,
      [names, name ?? null, cursor === undefined, beganMs, number, limit + 1],
    );
    const list = listOf(rows, limit, (row) => `${row.began_at.getTime()}-${row.number}`);
    return { ...list, items: list.items.map(({ began_at, ...row }) => ({ ...row, began: began_at.toISOString() })) };
  },
});

export const queries = { rounds, history };
