import { clockMs, isWithin, nextEdge, weekdayOf, type Interval } from './interval.ts';
import { instantOf, wallAt } from './wall-time.ts';

const DAY_MS = 86_400_000;
/** If nobody else is on call after this many boundaries, or this long, there is no end in sight. */
const MAX_BOUNDARIES = 500;
const FAR_MS = 400 * DAY_MS;

export interface Layer {
  readonly rotation: 'daily' | 'weekly' | number;
  /** `Mon 09:00` or `09:00`. */
  readonly handover: string;
  /** `2026-01-05`. */
  readonly start: string;
  readonly people: readonly string[];
  readonly during?: Interval | undefined;
}

/** An on-call schedule with its zone and time intervals filled in. Where layers overlap, later ones take precedence. */
export interface Schedule {
  readonly timeZone: string;
  readonly layers: readonly Layer[];
}

/** Somebody takes over a schedule for a while; the override with the highest id wins. */
export interface Override {
  readonly id: number;
  readonly person: string;
  readonly from: Date;
  readonly until: Date;
}

export interface Duty {
  readonly person: string | undefined;
  /** Where this comes from; undefined: nobody is on call. */
  readonly from: 'layer' | 'override' | undefined;
  /** When that changes; undefined: no change in sight. */
  readonly until: Date | undefined;
}

/** Who is on call at an instant, and until when. Pure. */
export function dutyAt(schedule: Schedule, overrides: readonly Override[], at: Date): Duty {
  const who = holderAt(schedule, overrides, at.getTime());
  const duty = { person: who?.person, from: who?.from };
  let next: number | undefined = at.getTime();
  for (let count = 0; count < MAX_BOUNDARIES; count++) {
    next = nextBoundary(schedule, overrides, next);
    if (next === undefined || next - at.getTime() > FAR_MS) break;
    if (holderAt(schedule, overrides, next)?.person !== who?.person) return { ...duty, until: new Date(next) };
  }
  return { ...duty, until: undefined };
}

function holderAt(
  { layers, timeZone }: Schedule,
  overrides: readonly Override[],
  atMs: number,
): { person: string; from: 'layer' | 'override' } | undefined {
  const covering = overrides.filter(({ from, until }) => from.getTime() <= atMs && atMs < until.getTime());
  const [override] = covering.toSorted((one, other) => other.id - one.id);
  if (override) return { person: override.person, from: 'override' };
  for (const layer of layers.toReversed()) {
    if (layer.during && !isWithin(layer.during, atMs)) continue;
    const turn = turnAt(layer, timeZone, atMs);
    const person = turn === undefined ? undefined : layer.people[turn % layer.people.length];
    if (person !== undefined) return { person, from: 'layer' };
  }
  return undefined;
}

/** The next instant at which somebody else may be on call. */
function nextBoundary(
  { layers, timeZone }: Schedule,
  overrides: readonly Override[],
  atMs: number,
): number | undefined {
  const edges = overrides.flatMap(({ from, until }) => [from.getTime(), until.getTime()]).filter((edge) => edge > atMs);
  for (const layer of layers) {
    edges.push(startOf(layer, timeZone, (turnAt(layer, timeZone, atMs) ?? -1) + 1));
    const edge = layer.during && nextEdge(layer.during, atMs);
    if (edge !== undefined) edges.push(edge);
  }
  return edges.length > 0 ? Math.min(...edges) : undefined;
}

/** The number of the turn, from 0; undefined before the first. */
function turnAt(layer: Layer, timeZone: string, atMs: number): number | undefined {
  const { first, length } = turnsOf(layer);
  // An estimate by wall time; around a clock change an adjacent turn may be the right one.
  const near = Math.floor((wallAt(atMs, timeZone) - first) / length) + 1;
  for (const turn of [near + 1, near, near - 1, near - 2])
    if (turn >= 0 && startOf(layer, timeZone, turn) <= atMs) return turn;
  return undefined;
}

function startOf(layer: Layer, timeZone: string, turn: number): number {
  const { start, first, length } = turnsOf(layer);
  return instantOf(turn === 0 ? start : first + (turn - 1) * length, timeZone);
}

/**
 * The start of turns 0 and 1, and the length of later ones, in wall time, so that a handover keeps its hour when clocks change.
 * A weekly turn 0 that does not start on the handover day is shorter.
 */
function turnsOf({ rotation, handover, start: date }: Layer): { start: number; first: number; length: number } {
  const words = handover.split(' ');
  const clock = clockMs(words.at(-1) ?? '');
  const start = Date.parse(`${date}T00:00:00Z`) + clock;
  if (rotation !== 'weekly') {
    const length = rotation === 'daily' ? DAY_MS : rotation;
    return { start, first: start + length, length };
  }
  const weekday = words.length > 1 ? weekdayOf(words[0] ?? '') : new Date(start).getUTCDay();
  const days = (weekday - new Date(start).getUTCDay() + 7) % 7 || 7;
  return { start, first: start + days * DAY_MS, length: 7 * DAY_MS };
}
