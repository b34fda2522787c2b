import type { Report } from './notification.ts';
import { hasReportedEnd, isEndContradicted, recordFiring, recordResolved, type SenderState } from './sender-state.ts';

/**
 * unheard: only "resolved" has been received so far; it has no number and is shown nowhere;
 * closed: a person ended it, until it fires again.
 */
export type Phase = 'unheard' | 'firing' | 'resolved' | 'closed';

/** An alert's current or last episode, and what is needed to distinguish late notifications from new ones. */
export interface Episode {
  readonly phase: Phase;
  /** Earliest start of the episode that was reported, never later than it was received. */
  readonly startedAt: Date;
  /** Earliest start by the sender's clock; null: never reported. */
  readonly reportedStart: Date | null;
  readonly endedAt: Date | null;
  /** The latest `endsAt` received, by the sender's clock. */
  readonly lastEndsAt: Date | null;
  readonly firingReceivedAt: Date | null;
  readonly resolvedReceivedAt: Date | null;
  /** Position of the last "firing" in the order of acceptance. */
  readonly firingOrder: number | null;
  /** Position of the last "resolved" that counted. */
  readonly resolvedOrder: number | null;
  readonly senders: readonly SenderState[];
}

/**
 * new, reopened: an episode begins; ended: an episode that was over before it was handled; resolved: the episode ends;
 * continues: it is still firing; resolvedUnheard: a "resolved" for an unknown alert; ignored: late, or already known.
 */
export type EpisodeChange = 'new' | 'reopened' | 'ended' | 'resolved' | 'continues' | 'resolvedUnheard' | 'ignored';

export interface EpisodeStep {
  readonly change: EpisodeChange;
  readonly next: Episode;
  /**
   * The alert stays firing, but this end may be true: its sender may be behind, or the sender of "firing" does not know of it.
   */
  readonly unconfirmedEnd?: Date | undefined;
}

/** When a notification was accepted, and from which sender. `order` also separates those accepted at the same moment. */
export interface Acceptance {
  readonly receivedAt: Date;
  readonly order: number;
  readonly sender: string;
}

/** An alert that fires again within this time keeps its number; later it gets a new one. */
export const SAME_NUMBER_MS = 24 * 3_600_000;

/**
 * Applies a report to an alert. Reports are handled in any order and may repeat: from two peers with different start times,
 * and byte-identical after a resolve; there is no delivery id. So an end counts when it is new, or when it is repeated and no
 * sender that knows of it has reported "firing" since. In doubt firing wins, since a wrongly closed alert is lost. Pure.
 */
export function advanceEpisode(state: Episode | undefined, report: Report, accepted: Acceptance): EpisodeStep {
  return report.status === 'firing' ? applyFiring(state, report, accepted) : applyResolved(state, report, accepted);
}

function applyFiring(state: Episode | undefined, report: Report, accepted: Acceptance): EpisodeStep {
  const { receivedAt, order } = accepted;
  if (!state) return { change: 'new', next: beginEpisode(undefined, report, accepted) };
  const received = {
    ...state,
    firingReceivedAt: later(state.firingReceivedAt, receivedAt),
    firingOrder: Math.max(state.firingOrder ?? order, order),
    senders: recordFiring(state.senders, accepted, report.startsAt, state.resolvedOrder),
  };
  switch (state.phase) {
    case 'firing':
      return { change: 'continues', next: { ...received, ...earliest(state, report, receivedAt) } };
    case 'closed':
      // It is known to be still firing; only a new start reopens it.
      if (!hasNewStart(state, report)) return { change: 'ignored', next: received };
      return { change: 'reopened', next: beginEpisode(state, report, accepted) };
    case 'unheard':
    case 'resolved': {
      const overtaken = state.resolvedOrder !== null && order < state.resolvedOrder;
      if (!overtaken)
        return {
          change: state.phase === 'unheard' ? 'new' : 'reopened',
          next: beginEpisode(state, report, accepted),
          unconfirmedEnd: endAfter(state, report, accepted),
        };
      if (state.phase === 'resolved') return { change: 'ignored', next: received };
      const next = beginEpisode(state, report, accepted);
      return {
        change: 'ended',
        next: { ...next, phase: 'resolved', endedAt: notBefore(next.startedAt, state.endedAt ?? receivedAt) },
      };
    }
  }
}

/** The last known end of an alert that fires again, unless it started after that end or the sender knows of it. */
function endAfter({ lastEndsAt, senders }: Episode, { startsAt }: Report, { sender }: Acceptance): Date | undefined {
  if (!lastEndsAt || !startsAt || startsAt > lastEndsAt || hasReportedEnd(senders, sender, lastEndsAt))
    return undefined;
  return lastEndsAt;
}

/** The start times that two Prometheus servers report for one alert differ by less than this. */
const SAME_START_MS = 60_000;

/** Started after it was closed, or, since clocks differ and notifications are delayed, well after the start known then. */
function hasNewStart({ reportedStart, endedAt }: Episode, { startsAt }: Report): boolean {
  if (!startsAt) return false;
  if (endedAt && startsAt > endedAt) return true;
  return reportedStart !== null && startsAt.getTime() - reportedStart.getTime() > SAME_START_MS;
}

function beginEpisode(before: Episode | undefined, report: Report, accepted: Acceptance): Episode {
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
    senders: recordFiring(before?.senders ?? [], accepted, report.startsAt, before?.resolvedOrder ?? null),
  };
}

function earliest(state: Episode, report: Report, receivedAt: Date): Pick<Episode, 'startedAt' | 'reportedStart'> {
  if (!report.startsAt) return { startedAt: state.startedAt, reportedStart: state.reportedStart };
  return {
    startedAt: notAfter(state.startedAt, notAfter(receivedAt, report.startsAt)),
    reportedStart: state.reportedStart ? notAfter(state.reportedStart, report.startsAt) : report.startsAt,
  };
}

function applyResolved(state: Episode | undefined, report: Report, accepted: Acceptance): EpisodeStep {
  const { receivedAt, order } = accepted;
  const endedAt = notAfter(receivedAt, report.endsAt ?? receivedAt);
  if (!state) {
    const startedAt = notAfter(endedAt, report.startsAt ?? endedAt);
    const next: Episode = {
      ...{ phase: 'unheard', startedAt, reportedStart: report.startsAt, endedAt, lastEndsAt: report.endsAt },
      ...{ firingReceivedAt: null, resolvedReceivedAt: receivedAt, firingOrder: null, resolvedOrder: order },
      senders: recordResolved([], accepted, report.endsAt),
    };
    return { change: 'resolvedUnheard', next };
  }
  const received: Episode = {
    ...state,
    lastEndsAt: later(state.lastEndsAt, report.endsAt),
    resolvedReceivedAt: later(state.resolvedReceivedAt, receivedAt),
    senders: recordResolved(state.senders, accepted, report.endsAt),
  };
  if (state.phase === 'firing') {
    // Same result as when handled in order: the sender of "firing" may be behind, and never report the end.
    if (state.firingOrder !== null && order < state.firingOrder)
      return { change: 'ignored', next: received, unconfirmedEnd: endNotBeforeStart(report.endsAt, received.senders) };
    const end = report.endsAt && { endsAt: report.endsAt, isNew: isNewEnd(state, report.endsAt) };
    if (end && isEndContradicted(received.senders, end, state.resolvedOrder))
      return { change: 'ignored', next: received, unconfirmedEnd: end.endsAt };
  }
  const counted: Episode = { ...received, resolvedOrder: Math.max(state.resolvedOrder ?? order, order) };
  if (state.phase === 'firing')
    return {
      change: 'resolved',
      next: { ...counted, phase: 'resolved', endedAt: notBefore(state.startedAt, endedAt) },
    };
  // A person closed it: when it really ended does not change the time that was posted.
  if (state.phase === 'closed') return { change: 'resolved', next: { ...counted, phase: 'resolved' } };
  return { change: 'ignored', next: counted };
}

/** The end, unless a sender reported a start after it. */
function endNotBeforeStart(endsAt: Date | null, senders: readonly SenderState[]): Date | undefined {
  const isAfter = senders.some(({ startMs }) => startMs !== null && endsAt !== null && startMs > endsAt.getTime());
  return endsAt && !isAfter ? endsAt : undefined;
}

function isNewEnd({ lastEndsAt, resolvedReceivedAt }: Episode, endsAt: Date): boolean {
  if (!lastEndsAt || endsAt > lastEndsAt) return true;
  // A clock that ran ahead once must not make every later end look old.
  const plausible = resolvedReceivedAt !== null && lastEndsAt <= resolvedReceivedAt;
  return !plausible && endsAt < lastEndsAt;
}

function later(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a > b ? a : b;
}

/** The episode with an end that was unconfirmed and is now accepted. */
export function resolvedAt(
  state: Episode,
  { endedAt, order }: { readonly endedAt: Date; readonly order: number },
): Episode {
  return {
    ...{ ...state, phase: 'resolved', endedAt: notBefore(state.startedAt, endedAt) },
    resolvedOrder: Math.max(state.resolvedOrder ?? order, order),
  };
}

const notAfter = (limit: Date, time: Date): Date => (time > limit ? limit : time);
const notBefore = (limit: Date, time: Date): Date => (time < limit ? limit : time);
