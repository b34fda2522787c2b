import type { MessageIntent } from './message-intent.ts';

/** The current, locked state of a row of `messages`, which decides how it changes. */
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
  /** The digest that it is folded into is being sent, with its previous content. */
  readonly fold_is_under_way: boolean;
}

/** The next state of a row. */
export interface Next {
  readonly id: string;
  readonly is_new: boolean;
  readonly version: number;
  readonly ring_version: number;
  readonly queue: number;
  readonly notify: MessageIntent['notify'];
  readonly fold: string | null;
  /** It becomes pending: its delay counts from now. */
  readonly starts_waiting: boolean;
  /** It moves to the end of the room's queue. */
  readonly to_end: boolean;
}

const sameTime = (one: Date | null, other: Date | null): boolean => one?.getTime() === other?.getTime();

/** Whether there is nothing to write: the row already has this content, or a message that does not exist is removed. Pure. */
export function isSame(intent: MessageIntent, row: MessageState | undefined): boolean {
  if (!row) return intent.removed;
  if (intent.ring || intent.removed !== row.removed) return false;
  if (intent.content !== row.content || intent.line !== row.line) return false;
  // It was dropped as expired, and is posted again.
  if (row.state === 'dropped' && !intent.removed) return false;
  // For a message that is shown, another time has no effect.
  return !row.pending || (sameTime(intent.notBefore, row.not_before) && sameTime(intent.until, row.until));
}

/** How a row changes, or is created. Pure. */
export function next(intent: MessageIntent, row: MessageState | undefined): Next {
  const rings = intent.ring ? 1 : 0;
  if (!row)
    return {
      ...{ id: intent.id, is_new: true, version: 1, ring_version: rings, queue: intent.queue, notify: intent.notify },
      ...{ fold: null, starts_waiting: true, to_end: true },
    };
  return {
    id: row.id,
    is_new: false,
    version: row.version + 1,
    ring_version: row.ring_version + rings,
    // A pending message keeps its position, and is as urgent as the most urgent of its changes.
    queue: row.pending ? Math.min(row.queue, intent.queue) : intent.queue,
    notify: broaderOf(row.notify, intent.notify),
    fold: leavesDigest(intent, row) ? null : row.fold,
    starts_waiting: !row.pending,
    to_end: !row.pending,
  };
}

/** A ring needs its own message, and so does a time, unless the digest is being sent. */
function leavesDigest(intent: MessageIntent, row: MessageState): boolean {
  if (intent.ring && row.delivered_version > 0) return true;
  return (intent.notBefore !== null || intent.until !== null) && !row.fold_is_under_way;
}

function broaderOf(one: MessageIntent['notify'], other: MessageIntent['notify']): MessageIntent['notify'] {
  return (['fate', 'lost'] as const).find((option) => one === option || other === option) ?? 'none';
}
