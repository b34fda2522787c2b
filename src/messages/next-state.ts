import type { MessageIntent } from './message-intent.ts';

/** A row of `messages` as it stands, locked: what decides how it changes. */
export interface MessageState {
  readonly id: string;
  readonly queue: number;
  readonly content: string;
  readonly line: string | null;
  readonly version: number;
  readonly ring_version: number;
  readonly removed: boolean;
  readonly not_before: Date | null;
  readonly until: Date | null;
  readonly notify: MessageIntent['notify'];
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
  readonly notify: MessageIntent['notify'];
  readonly fold: string | null;
  /** It begins to wait: its delay counts from now. */
  readonly anew: boolean;
  /** It takes its place behind all that was said before. */
  readonly moves: boolean;
}

const sameTime = (one: Date | null, other: Date | null): boolean => one?.getTime() === other?.getTime();

/** Nothing is to be written: what is wanted stands there already, or was never there and is to be taken away. Pure. */
export function isSame(intent: MessageIntent, row: MessageState | undefined): boolean {
  if (!row) return intent.removed;
  if (intent.ring || intent.removed !== row.removed) return false;
  if (intent.content !== row.content || intent.line !== row.line) return false;
  // It came too late to be shown; now it is wanted again.
  if (row.state === 'dropped' && !intent.removed) return false;
  // What is shown is not shown again at another time.
  return !row.pending || (sameTime(intent.notBefore, row.not_before) && sameTime(intent.until, row.until));
}

/** How a row changes, or begins. Pure. */
export function next(intent: MessageIntent, row: MessageState | undefined): Next {
  const rings = intent.ring ? 1 : 0;
  if (!row)
    return {
      ...{ id: intent.id, is_new: true, version: 1, ring_version: rings, queue: intent.queue, notify: intent.notify },
      ...{ fold: null, anew: true, moves: true },
    };
  return {
    id: row.id,
    is_new: false,
    version: row.version + 1,
    ring_version: row.ring_version + rings,
    // What waits already keeps its place, and is as urgent as the most urgent of its changes.
    queue: row.pending ? Math.min(row.queue, intent.queue) : intent.queue,
    notify: mostCurious(row.notify, intent.notify),
    fold: leavesDigest(intent, row) ? null : row.fold,
    anew: !row.pending,
    moves: !row.pending,
  };
}

/** A ring, and what has a time of its own, needs a message of its own, unless the digest is under way. */
function leavesDigest(intent: MessageIntent, row: MessageState): boolean {
  if (intent.ring && row.delivered_version > 0) return true;
  return (intent.notBefore !== null || intent.until !== null) && !row.fold_is_under_way;
}

function mostCurious(one: MessageIntent['notify'], other: MessageIntent['notify']): MessageIntent['notify'] {
  return (['fate', 'lost'] as const).find((curious) => one === curious || other === curious) ?? 'none';
}
