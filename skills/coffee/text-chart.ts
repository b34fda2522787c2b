import { cut } from '#skill';

export interface Attendee {
  readonly id: string;
  readonly name: string;
}

/** How often two people were in the same group. */
export interface PairCount {
  readonly one: string;
  readonly other: string;
  readonly times: number;
}

/** A chart of more people does not fit the screen of a phone. */
const MAX_PEOPLE = 40;

/** A triangle of who has met whom, in characters: `·` not yet, `●` once, a digit for more often. Plain text, for a code block. */
export function textChart(
  people: readonly Attendee[],
  met: readonly PairCount[],
): { readonly text: string; readonly known: number; readonly possible: number } {
  const sorted = people.toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
  const present = new Set(people.map(({ id }) => id));
  const times = new Map<string, number>();
  for (const pair of met) {
    if (!present.has(pair.one) || !present.has(pair.other)) continue;
    times.set(`${pair.one}\n${pair.other}`, pair.times).set(`${pair.other}\n${pair.one}`, pair.times);
  }
  const possible = (people.length * (people.length - 1)) / 2;
  const known = times.size / 2;
  if (sorted.length < 2 || sorted.length > MAX_PEOPLE) return { text: '', known, possible };
  const width = Math.min(16, Math.max(...sorted.map(({ name }) => name.length)));
  const lines = sorted.map(({ id, name }, row) => {
    const cells = sorted.slice(0, row).map((other) => cell(times.get(`${id}\n${other.id}`) ?? 0));
    return `${cut(name, width).padEnd(width)} ${cells.join(' ')}`.trimEnd();
  });
  return { text: lines.join('\n'), known, possible };
}

function cell(times: number): string {
  if (times < 2) return times === 1 ? '●' : '·';
  return times > 9 ? '+' : String(times);
}
