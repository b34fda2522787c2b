import { randomUUID } from 'node:crypto';
import type { Context } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { openNextConversation } from './open-conversation.ts';
import type { ComputedRound, PairPayload } from './round-payload.ts';
import { postInRooms } from './rounds.ts';
import { count, groupsInWords, list } from './wording.ts';

const MAX_NAMES = 8;

/** A round with a row, and its rooms. */
type StoredRound = PairPayload & { readonly id: string; readonly rooms: readonly string[] };

/** Stores a computed round in the transaction of its task's result, announces it and starts opening conversations. */
export async function storeRound(
  context: Context<CoffeeOptions>,
  stored: StoredRound,
  round: ComputedRound,
): Promise<void> {
  const { sql } = context;
  await writeGroups(context, stored.id, round);
  await sql(
    `insert into coffee_met (name, one, other, times, last)
     select $1, least(a.id collate "C", b.id collate "C"), greatest(a.id collate "C", b.id collate "C"), 1, $2
     from jsonb_array_elements($3::jsonb) with ordinality as g (people, nth),
       jsonb_to_recordset(g.people) as a (id text), jsonb_to_recordset(g.people) as b (id text)
     where a.id collate "C" < b.id collate "C" order by 2, 3
     on conflict (name, one, other) do update set times = coffee_met.times + 1, last = excluded.last`,
    [stored.name, stored.number, JSON.stringify(round.groups.map(({ people }) => people))],
  );
  // Missing a round counts as a rest. People who left lose their seats.
  await sql('update coffee_seats set rested = $2, rests = rests + 1 where name = $1', [stored.name, stored.number]);
  await sql('delete from coffee_seats where name = $1 and person <> all($2)', [
    stored.name,
    [...round.seats.map(({ person }) => person), ...round.keeping],
  ]);
  await sql(
    `insert into coffee_seats (name, person, seat, joined, rested, rests)
     select $1, x.person, x.seat, x.joined, x.rested, x.rests
     from jsonb_to_recordset($2::jsonb) as x (person text, seat integer, joined integer, rested integer, rests integer)
     on conflict (name, person) do update set seat = excluded.seat, rested = excluded.rested, rests = excluded.rests`,
    [stored.name, JSON.stringify(round.seats)],
  );
  // People who skip while it is being computed are still in it, and miss the next round.
  await sql('delete from coffee_skips where name = $1 and person = any($2)', [stored.name, round.skipping]);
  await sql(
    "update coffee_rounds set state = 'opening', reason = null, quality = $2, resting = $3, moved_at = $4 where id = $1",
    [...[stored.id, JSON.stringify(round.quality)], ...[JSON.stringify(round.resting), context.now]],
  );
  await announceRound(context, stored, round);
  await openNextConversation(context, stored.id);
}

async function writeGroups({ sql }: Context<CoffeeOptions>, id: string, { groups }: ComputedRound): Promise<void> {
  const input = groups.map(({ connector, people }, position) => ({
    ...{ conversation: randomUUID(), connector, position, people },
    accounts: people.map(({ accountId }) => accountId).toSorted(),
  }));
  await sql(
    `with input as materialized (
       select * from jsonb_to_recordset($2::jsonb) as x (conversation uuid, connector text, position integer, people jsonb, accounts jsonb)
     ), sorted as materialized (
       select input.*, array(select jsonb_array_elements_text(accounts)) as account_ids from input
     ), opened as (
       -- People who were together before meet in the same conversation.
       insert into coffee_conversations (id, connector, people) select conversation, connector, account_ids from sorted order by connector, account_ids
       on conflict (connector, people) do update set connector = excluded.connector returning id, connector, people
     ), made as (
       insert into coffee_groups (number, round_id, position, conversation_id, people)
       select nextval('coffee_group_numbers'), $1, numbered.position, numbered.id, numbered.people
       from (select sorted.position, opened.id, sorted.people from sorted
             join opened on opened.connector = sorted.connector and opened.people = sorted.account_ids order by sorted.position) numbered
       returning number, people
     )
     insert into coffee_members (group_number, person) select made.number, member.id from made, jsonb_to_recordset(made.people) as member (id text)`,
    [id, JSON.stringify(input)],
  );
}

/** Announces the round in its rooms, in the message that is also edited when pairing fails. */
async function announceRound(
  context: Context<CoffeeOptions>,
  stored: StoredRound,
  { groups, resting, quality }: ComputedRound,
): Promise<void> {
  const text =
    groups.length === 0
      ? `☕ Coffee round ${stored.number}: no groups, because ${whyNoGroups(quality.people, context.options.rounds[stored.name]?.size ?? 2)}.`
      : [
          `☕ Coffee round ${stored.number} has started: ${groupsInWords(groups.map(({ people }) => people.length))}. Each will get a message from me.`,
          ...restingText(resting),
        ].join('\n');
  const line = `coffee round ${stored.number} has started`;
  await postInRooms(context, stored.rooms, `round:${stored.id}`, text, { line });
}

function whyNoGroups(people: number, size: number): string {
  const taking = people === 1 ? 'only one person takes part' : `${people} people take part`;
  if (people < 2) return taking;
  return people < size
    ? `${taking} and a group needs ${size}`
    : `none of the ${people} people can be paired with another`;
}

function restingText(resting: ComputedRound['resting']): string[] {
  const turn = resting.filter(({ why }) => why === 'turn').map(({ name }) => name);
  const left = resting.filter(({ why }) => why !== 'turn').map(({ name }) => name);
  return [
    ...(turn.length > 0 ? [`${sitOut(turn)} and will be paired first next time.`] : []),
    ...(left.length > 0 ? [`${sitOut(left)}: nobody they can be paired with is left.`] : []),
  ];
}

function sitOut(names: readonly string[]): string {
  const who = names.length > MAX_NAMES ? count(names.length, 'person', 'people') : list(names);
  return `${who} ${names.length === 1 ? 'sits' : 'sit'} this one out`;
}
