import type { Wanted } from './message-intent.ts';

/** A row of `messages` as it stands, locked: what decides how it changes. */
export interface Standing {
  readonly id: string;
  readonly queue: number;
  readonly content: string;
  readonly line: string | null;
  readonly version: number;
  readonly ring_version: number;
  readonly removed: boolean;
  readonly not_before: Date | null;
  readonly until: Date | null;
  readonly notify: Wanted['notify'];
  readonly state: 'live' | 'dead' | 'dropped';
  readonly pending: boolean;
  readonly delivered_version: number;
  readonly fold: string | null;
  /** The digest that stands for it is on its way with what it said before. */
  readonly fold_is_under_way: boolean;
}

/** What becomes of a row. */
export interface Next {
  readonly id: string;
  readonly is_new: boolean;
  readonly version: number;
  readonly ring_version: number;
  readonly queue: number;
  readonly notify: Wanted['notify'];
  readonly fold: string | null;
  /** It begins to wait: its delay counts from now. */
  readonly anew: boolean;
  /** It takes its place behind all that was said before. */
  readonly moves: boolean;
}

const sameTime = (one: Date | null, other: Date | null): boolean => one?.getTime() === other?.getTime();

/** Nothing is to be written: what is wanted stands there already, or was never there and is to be taken away. Pure. */
export function isSame(wanted: Wanted, row: Standing | undefined): boolean {
  if (!row) return wanted.removed;
  if (wanted.ring || wanted.removed !== row.removed) return false;
  if (wanted.content !== row.content || wanted.line !== row.line) return false;
  // It came too late to be shown; now it is wanted again.
  if (row.state === 'dropped' && !wanted.removed) return false;
  // What is shown is not shown again at another time.
  return !row.pending || (sameTime(wanted.notBefore, row.not_before) && sameTime(wanted.until, row.until));
}

/** How a row changes, or begins. Pure. */
export function next(wanted: Wanted, row: Standing | undefined): Next {
  const rings = wanted.ring ? 1 : 0;
  if (!row)
    return {
      ...{ id: wanted.id, is_new: true, version: 1, ring_version: rings, queue: wanted.queue, notify: wanted.notify },
      ...{ fold: null, anew: true, moves: true },
    };
  return {
    id: row.id,
    is_new: false,
    version: row.version + 1,
    ring_version: row.ring_version + rings,
    // What waits already keeps its place, and is as urgent as the most urgent of its changes.
    queue: row.pending ? Math.min(row.queue, wanted.queue) : wanted.queue,
    notify: mostCurious(row.notify, wanted.notify),
    fold: leavesDigest(wanted, row) ? null : row.fold,
    anew: !row.pending,
    moves: !row.pending,
  };
}

/** A ring, and what has a time of its own, needs a message of its own, unless the digest is under way. */
function leavesDigest(wanted: Wanted, row: Standing): boolean {
  if (wanted.ring && row.delivered_version > 0) return true;
  return (wanted.notBefore !== null || wanted.until !== null) && !row.fold_is_under_way;
}

function mostCurious(one: Wanted['notify'], other: Wanted['notify']): Wanted['notify'] {
  return (['fate', 'lost'] as const).find((curious) => one === curious || other === curious) ?? 'none';
}
