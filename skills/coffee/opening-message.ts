import { escape, formatTime, type Context, type Message } from '#skill';
import type { CoffeeOptions } from './options.ts';
import { suggestSlots } from './slots.ts';
import { idsOf, type GroupMember } from './person-ids.ts';
import { list } from './wording.ts';

export interface OpeningFacts {
  readonly name: string;
  readonly round: number;
  readonly group: number;
  readonly people: readonly GroupMember[];
  readonly connector: string;
  readonly followUpMs: number | null;
}

/** The first message of a conversation: who is in it, whether they were paired before, and when they could meet. */
export async function openingMessage(context: Context<CoffeeOptions>, opening: OpeningFacts): Promise<Message> {
  const { now, timeZone } = context;
  const { people, connector, followUpMs } = opening;
  const zones = people.map(({ accountId }) => {
    const person = context.people.byAccount(connector, accountId);
    return { timeZone: person?.timeZone ?? timeZone, hours: person?.hours };
  });
  const slots = suggestSlots(zones, now, opening.group);
  const asked = followUpMs === null ? undefined : formatTime(new Date(now.getTime() + followUpMs), timeZone, now);
  return {
    text: [
      `☕ ${list(people.map(({ name }) => name))}: you are having coffee together this time.`,
      await lastMeetingText(context, opening),
      slotsText(
        slots,
        people,
        zones.map((one) => one.timeZone),
        now,
      ),
      ...(asked === undefined ? [] : [`I will ask here on ${asked} whether you met.`]),
      `_\`!coffee skip\` skips the next round, \`!coffee pause\` all rounds until you say \`!coffee join\`._`,
    ]
      .filter((line) => line !== undefined)
      .join('\n'),
    mentions: people.map(({ accountId, name }) => ({ accountId, name })),
  };
}

async function lastMeetingText(context: Context<CoffeeOptions>, opening: OpeningFacts): Promise<string | undefined> {
  const { name, round, people, connector } = opening;
  const [one, other] = people.map(({ accountId }) => idsOf(context.people, connector, accountId));
  if (!one || !other || people.length > 2) return undefined;
  const [met] = await context.sql<{ number: number; began_at: Date }>(
    `select r.number, r.began_at from coffee_rounds r join coffee_groups g on g.round_id = r.id
     where r.name = $1 and r.number < $2 and g.number in (select group_number from coffee_members where person = any($3))
       and g.number in (select group_number from coffee_members where person = any($4)) order by r.number desc limit 1`,
    [name, round, one, other],
  );
  return met
    ? `You were paired before, in round ${met.number} (${formatTime(met.began_at, context.timeZone, context.now)}).`
    : undefined;
}

function slotsText(
  slots: readonly Date[],
  people: readonly GroupMember[],
  zones: readonly string[],
  now: Date,
): string {
  if (slots.length === 0) return 'Your working hours do not overlap: find a time that suits everyone.';
  const several = new Set(zones).size > 1;
  const say = (slot: Date): string => {
    if (!several) return formatTime(slot, zones[0] ?? 'UTC', now);
    return people.map(({ name }, at) => `${formatTime(slot, zones[at] ?? 'UTC', now)} (${escape(name)})`).join(' = ');
  };
  return `${slots.length === 1 ? 'A time' : 'Times'} within everyone's working hours: ${slots.map(say).join(', or ')}. Agree on one here, or on another time.`;
}
