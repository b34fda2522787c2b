import { costOf } from './cost.ts';
import type { Pairing } from './pairing.ts';
import { Roster, type RoundInput } from './roster.ts';
import { count, groupsInWords } from './wording.ts';

export interface RoundReport {
  readonly input: RoundInput;
  readonly pairing: Pairing;
  readonly nameOf: (id: string) => string;
  /** Number of people in the room who do not take part this time. */
  readonly away: number;
  /** An id, account or name. */
  readonly explain?: string;
}

const MAX_GROUPS = 200;

/** A round as plain text for a terminal: the groups, how good they are, and the explanation for one person. */
export function roundReport({ input, pairing, nameOf, away, explain }: RoundReport): string {
  const { groups, resting, quality } = pairing;
  const lines = groups.slice(0, MAX_GROUPS).map((group) => `  ${group.map(nameOf).join(' + ')}`);
  if (groups.length > MAX_GROUPS) lines.push(`  … and ${count(groups.length - MAX_GROUPS, 'more group')}`);
  for (const { id, why } of resting)
    lines.push(
      `  ${nameOf(id)} sits out: ${why === 'turn' ? 'it is their turn' : 'nobody they can be paired with is left'}`,
    );
  const strangers = quality.pairs - quality.repeats;
  const facts = [
    `${strangers} of ${count(quality.pairs, 'meeting')} between people who have not met`,
    ...(input.across ? [`${count(quality.sameTeam, 'meeting')} within a team`] : []),
    ...(away > 0 ? [`${count(away, 'person', 'people')} away`] : []),
  ];
  return [
    `Round ${input.round}, seed ${input.seed}: ${count(quality.people, 'person', 'people')}, ${groupsInWords(groups.map((group) => group.length))}.`,
    ...lines,
    `${facts.join('; ')}.`,
    ...(explain === undefined ? [] : explained(explain, input, pairing, nameOf)),
  ].join('\n');
}

/** Explains a person's group: how well everyone else would have fitted, best first. */
function explained(word: string, input: RoundInput, pairing: Pairing, nameOf: (id: string) => string): string[] {
  const roster = new Roster(input);
  const id = roster.people.find((one) => [one.id, nameOf(one.id)].includes(word) || one.id.endsWith(` ${word}`))?.id;
  const me = id === undefined ? undefined : roster.numberOf(id);
  if (id === undefined || me === undefined) return [`${word} does not take part in this round.`];
  const group = pairing.groups.find((one) => one.includes(id)) ?? [];
  const others = roster.people.map((_, number) => number).filter((number) => number !== me);
  const may = others.filter((number) => roster.mayMeet(me, number));
  const strangers = may.filter((number) => !roster.met(me, number));
  const best = may.toSorted((one, other) => costOf(roster, me, one) - costOf(roster, me, other)).slice(0, 10);
  const describe = (number: number): string => {
    const met = roster.met(me, number);
    const words = [
      met ? `met ${met.times === 1 ? 'once' : `${met.times} times`}, last in round ${met.last}` : 'not met yet',
    ];
    if (input.across && roster.sameTeam(me, number)) words.push('same team');
    if (group.includes(roster.person(number).id)) words.push('chosen');
    return `    ${nameOf(roster.person(number).id)}: ${words.join(', ')}`;
  };
  const kept = others.length - may.length;
  return [
    `${nameOf(id)}: ${
      group.length > 0
        ? `with ${group
            .filter((one) => one !== id)
            .map(nameOf)
            .join(' and ')}`
        : 'sits out'
    }.`,
    `  ${strangers.length} of ${may.length} not met yet${kept > 0 ? `; ${kept} kept apart or without a common platform` : ''}.`,
    `  Best choices for ${nameOf(id)} alone (the round is the best for everyone together):`,
    ...best.map(describe),
  ];
}
