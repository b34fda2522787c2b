import type { Report } from './payload.ts';
import { hasTold, isContradicted, withFiring, withResolved, type Word } from './words.ts';

/**
 * unheard: only "resolved" has been heard of it so far, it has no number and is shown nowhere;
 * closed: a person ended it, and it stays so until it fires anew.
 */
export type Phase = 'unheard' | 'firing' | 'resolved' | 'closed';

/** One alert's episode as an interval, and what is needed to tell a late notification from a new one. */
export interface Interval {
  readonly phase: Phase;
  /** Earliest start of the episode that was reported, never later than we heard of it. */
  readonly startedAt: Date;
  /** Earliest start by the sender's clock; null: it never said. */
  readonly reportedStart: Date | null;
  readonly endedAt: Date | null;
  /** The latest `endsAt` that was heard, by the sender's clock. */
  readonly lastEndsAt: Date | null;
  readonly firingReceivedAt: Date | null;
  readonly resolvedReceivedAt: Date | null;
  /** Which notification said so last, in the order of acceptance; of ends, the last one that counted. */
  readonly firingOrder: number | null;
  readonly resolvedOrder: number | null;
  /** What each sender said last. */
  readonly words: readonly Word[];
}

/**
 * new, reopened: an episode begins; ended: one that was over before we came to handle it; resolved: it is over;
 * continues: it fires on; resolvedUnheard: nothing is known of it; ignored: a late repeat or a repeat of what is known.
 */
export type Change = 'new' | 'reopened' | 'ended' | 'resolved' | 'continues' | 'resolvedUnheard' | 'ignored';

export interface Step {
  readonly change: Change;
  readonly next: Interval;
  /** It fires, and this end may be true all the same: told by somebody who is behind, or not known to who says "firing". */
  readonly doubtedEnd?: Date | undefined;
}

/** When a notification was accepted, and from whom; the order also tells apart what came in one moment. */
export interface Accepted {
  readonly receivedAt: Date;
  readonly order: number;
  readonly sender: string;
}

/** A number stays with an alert that comes back within this time; after it, it is a new alert to people. */
export const SAME_NUMBER_MS = 24 * 3_600_000;

/**
 * What a notification does to an alert. Notifications are handled in any order and may come twice, from two peers with
 * different start times, and byte-identical after a resolve; there is no delivery id. So an end counts when it is news, and
 * when it is told again unless somebody who knows of it says "firing" since: then firing wins, since a wrongly closed alert
 * is lost. Pure.
 */
export function advance(state: Interval | undefined, report: Report, accepted: Accepted): Step {
  return report.status === 'firing' ? fire(state, report, accepted) : resolve(state, report, accepted);
}

function fire(state: Interval | undefined, report: Report, accepted: Accepted): Step {
  const { receivedAt, order } = accepted;
  if (!state) return { change: 'new', next: begin(undefined, report, accepted) };
  const heard = {
    ...state,
    firingReceivedAt: later(state.firingReceivedAt, receivedAt),
    firingOrder: Math.max(state.firingOrder ?? order, order),
    words: withFiring(state.words, accepted, report.startsAt, state.resolvedOrder),
  };
  switch (state.phase) {
    case 'firing':
      return { change: 'continues', next: { ...heard, ...earliest(state, report, receivedAt) } };
    case 'closed':
      // It is known to fire on; only a new start is news.
      if (!startedAnew(state, report)) return { change: 'ignored', next: heard };
      return { change: 'reopened', next: begin(state, report, accepted) };
    case 'unheard':
    case 'resolved': {
      const overtaken = state.resolvedOrder !== null && order < state.resolvedOrder;
      if (!overtaken)
        return {
          change: state.phase === 'unheard' ? 'new' : 'reopened',
          next: begin(state, report, accepted),
          doubtedEnd: endAfter(state, report, accepted),
        };
      if (state.phase === 'resolved') return { change: 'ignored', next: heard };
      const next = begin(state, report, accepted);
      return {
        change: 'ended',
        next: { ...next, phase: 'resolved', endedAt: notBefore(next.startedAt, state.endedAt ?? receivedAt) },
      };
    }
  }
}

/** The end that is known of what fires again, unless it began after that or the sender knows of it. */
function endAfter({ lastEndsAt, words }: Interval, { startsAt }: Report, { sender }: Accepted): Date | undefined {
  if (!lastEndsAt || !startsAt || startsAt > lastEndsAt || hasTold(words, sender, lastEndsAt)) return undefined;
  return lastEndsAt;
}

/** Two Prometheus servers report one alert with start times that differ by less than this. */
const SAME_START_MS = 60_000;

/** After it was closed, or, since clocks differ and notifications take their time, well after the start that was known then. */
function startedAnew({ reportedStart, endedAt }: Interval, { startsAt }: Report): boolean {
  if (!startsAt) return false;
  if (endedAt && startsAt > endedAt) return true;
  return reportedStart !== null && startsAt.getTime() - reportedStart.getTime() > SAME_START_MS;
}

function begin(before: Interval | undefined, report: Report, accepted: Accepted): Interval {
  const { receivedAt, order } = accepted;
  return {
    phase: 'firing',
    startedAt: notAfter(receivedAt, report.startsAt ?? receivedAt),
    reportedStart: report.startsAt,
    endedAt: null,
    lastEndsAt: before?.lastEndsAt ?? null,
    firingReceivedAt: later(before?.firingReceivedAt ?? null, receivedAt),
    resolvedReceivedAt: before?.resolvedReceivedAt ?? null,
    firingOrder: Math.max(before?.firingOrder ?? order, order),
    resolvedOrder: before?.resolvedOrder ?? null,
    words: withFiring(before?.words ?? [], accepted, report.startsAt, before?.resolvedOrder ?? null),
  };
}

function earliest(state: Interval, report: Report, receivedAt: Date): Pick<Interval, 'startedAt' | 'reportedStart'> {
  if (!report.startsAt) return { startedAt: state.startedAt, reportedStart: state.reportedStart };
  return {
    startedAt: notAfter(state.startedAt, notAfter(receivedAt, report.startsAt)),
    reportedStart: state.reportedStart ? notAfter(state.reportedStart, report.startsAt) : report.startsAt,
  };
}

function resolve(state: Interval | undefined, report: Report, accepted: Accepted): Step {
  const { receivedAt, order } = accepted;
  const endedAt = notAfter(receivedAt, report.endsAt ?? receivedAt);
  if (!state) {
    const startedAt = notAfter(endedAt, report.startsAt ?? endedAt);
    const next: Interval = {
      ...{ phase: 'unheard', startedAt, reportedStart: report.startsAt, endedAt, lastEndsAt: report.endsAt },
      ...{ firingReceivedAt: null, resolvedReceivedAt: receivedAt, firingOrder: null, resolvedOrder: order },
      words: withResolved([], accepted, report.endsAt),
    };
    return { change: 'resolvedUnheard', next };
  }
  const told: Interval = {
    ...state,
    lastEndsAt: later(state.lastEndsAt, report.endsAt),
    resolvedReceivedAt: later(state.resolvedReceivedAt, receivedAt),
    words: withResolved(state.words, accepted, report.endsAt),
  };
  if (state.phase === 'firing') {
    // As where they are handled in order: who fires may have been behind, and never say that it is over.
    if (state.firingOrder !== null && order < state.firingOrder)
      return { change: 'ignored', next: told, doubtedEnd: endNotBeforeStart(report.endsAt, told.words) };
    const end = report.endsAt && { endsAt: report.endsAt, isNew: isNewEnd(state, report.endsAt) };
    if (end && isContradicted(told.words, end, state.resolvedOrder))
      return { change: 'ignored', next: told, doubtedEnd: end.endsAt };
  }
  const heard: Interval = { ...told, resolvedOrder: Math.max(state.resolvedOrder ?? order, order) };
  if (state.phase === 'firing')
    return { change: 'resolved', next: { ...heard, phase: 'resolved', endedAt: notBefore(state.startedAt, endedAt) } };
  // A person closed it: when it really ended does not change what was said.
  if (state.phase === 'closed') return { change: 'resolved', next: { ...heard, phase: 'resolved' } };
  return { change: 'ignored', next: heard };
}

/** The end, unless whoever fires gave a start after it. */
function endNotBeforeStart(endsAt: Date | null, words: readonly Word[]): Date | undefined {
  const isAfter = words.some(({ startMs }) => startMs !== null && endsAt !== null && startMs > endsAt.getTime());
  return endsAt && !isAfter ? endsAt : undefined;
}

function isNewEnd({ lastEndsAt, resolvedReceivedAt }: Interval, endsAt: Date): boolean {
  if (!lastEndsAt || endsAt > lastEndsAt) return true;
  // A clock that ran ahead once must not make every later end look old.
  const plausible = resolvedReceivedAt !== null && lastEndsAt <= resolvedReceivedAt;
  return !plausible && endsAt < lastEndsAt;
}

function later(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a > b ? a : b;
}

/** An end that was doubted is taken for true after all. */
export function settled(
  state: Interval,
  { endedAt, order }: { readonly endedAt: Date; readonly order: number },
): Interval {
  return {
    ...{ ...state, phase: 'resolved', endedAt: notBefore(state.startedAt, endedAt) },
    resolvedOrder: Math.max(state.resolvedOrder ?? order, order),
  };
}

const notAfter = (limit: Date, time: Date): Date => (time > limit ? limit : time);
const notBefore = (limit: Date, time: Date): Date => (time < limit ? limit : time);
