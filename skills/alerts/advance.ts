import type { Report } from './payload.ts';

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
}

/**
 * new, reopened: an episode begins; ended: one that was over before we came to handle it; resolved: it is over;
 * continues: it fires on; resolvedUnheard: nothing is known of it; ignored: a late repeat or a repeat of what is known.
 */
export type Change = 'new' | 'reopened' | 'ended' | 'resolved' | 'continues' | 'resolvedUnheard' | 'ignored';

export interface Step {
  readonly change: Change;
  readonly next: Interval;
}

/** A number stays with an alert that comes back within this time; after it, it is a new alert to people. */
export const SAME_NUMBER_MS = 24 * 3_600_000;

/**
 * What a notification does to an alert. Notifications are handled in any order and may come twice, from two peers with
 * different start times, and byte-identical after a resolve; there is no delivery id. So: in doubt firing wins (a wrongly
 * open alert is put right later, a wrongly closed one is lost), and an end counts unless it is certainly old. Pure.
 */
export function advance(state: Interval | undefined, report: Report, receivedAt: Date): Step {
  return report.status === 'firing' ? fire(state, report, receivedAt) : resolve(state, report, receivedAt);
}

function fire(state: Interval | undefined, report: Report, receivedAt: Date): Step {
  if (!state) return { change: 'new', next: begin(undefined, report, receivedAt) };
  const heard = { ...state, firingReceivedAt: later(state.firingReceivedAt, receivedAt) };
  switch (state.phase) {
    case 'firing':
      return { change: 'continues', next: { ...heard, ...earliest(state, report, receivedAt) } };
    case 'closed':
      // It is known to fire on; only a start after the close is news.
      if (!report.startsAt || !state.endedAt || report.startsAt <= state.endedAt)
        return { change: 'ignored', next: heard };
      return { change: 'reopened', next: begin(state, report, receivedAt) };
    case 'unheard':
    case 'resolved': {
      const overtaken = state.resolvedReceivedAt !== null && receivedAt < state.resolvedReceivedAt;
      if (!overtaken)
        return { change: state.phase === 'unheard' ? 'new' : 'reopened', next: begin(state, report, receivedAt) };
      if (state.phase === 'resolved') return { change: 'ignored', next: heard };
      const next = begin(state, report, receivedAt);
      return {
        change: 'ended',
        next: { ...next, phase: 'resolved', endedAt: notBefore(next.startedAt, state.endedAt ?? receivedAt) },
      };
    }
  }
}

function begin(before: Interval | undefined, report: Report, receivedAt: Date): Interval {
  return {
    phase: 'firing',
    startedAt: notAfter(receivedAt, report.startsAt ?? receivedAt),
    reportedStart: report.startsAt,
    endedAt: null,
    lastEndsAt: before?.lastEndsAt ?? null,
    firingReceivedAt: later(before?.firingReceivedAt ?? null, receivedAt),
    resolvedReceivedAt: before?.resolvedReceivedAt ?? null,
  };
}

function earliest(state: Interval, report: Report, receivedAt: Date): Pick<Interval, 'startedAt' | 'reportedStart'> {
  if (!report.startsAt) return { startedAt: state.startedAt, reportedStart: state.reportedStart };
  return {
    startedAt: notAfter(state.startedAt, notAfter(receivedAt, report.startsAt)),
    reportedStart: state.reportedStart ? notAfter(state.reportedStart, report.startsAt) : report.startsAt,
  };
}

function resolve(state: Interval | undefined, report: Report, receivedAt: Date): Step {
  const endedAt = notAfter(receivedAt, report.endsAt ?? receivedAt);
  if (!state) {
    const startedAt = notAfter(endedAt, report.startsAt ?? endedAt);
    const next: Interval = {
      ...{ phase: 'unheard', startedAt, reportedStart: report.startsAt, endedAt, lastEndsAt: report.endsAt },
      ...{ firingReceivedAt: null, resolvedReceivedAt: receivedAt },
    };
    return { change: 'resolvedUnheard', next };
  }
  if (state.phase === 'firing' && isLate(state, report, receivedAt)) return { change: 'ignored', next: state };
  const heard: Interval = {
    ...state,
    lastEndsAt: later(state.lastEndsAt, report.endsAt),
    resolvedReceivedAt: later(state.resolvedReceivedAt, receivedAt),
  };
  if (state.phase === 'firing')
    return { change: 'resolved', next: { ...heard, phase: 'resolved', endedAt: notBefore(state.startedAt, endedAt) } };
  // A person closed it: when it really ended does not change what was said.
  if (state.phase === 'closed') return { change: 'resolved', next: { ...heard, phase: 'resolved' } };
  return { change: 'ignored', next: heard };
}

/** A "resolved" that belongs to an earlier episode, or was overtaken by a newer "firing". */
function isLate(state: Interval, report: Report, receivedAt: Date): boolean {
  if (state.firingReceivedAt && receivedAt < state.firingReceivedAt) return true;
  if (!report.endsAt) return false;
  if (state.lastEndsAt) {
    if (report.endsAt.getTime() === state.lastEndsAt.getTime()) return true;
    // A clock that ran ahead once must not make every later end look old.
    const plausible = state.resolvedReceivedAt !== null && state.lastEndsAt <= state.resolvedReceivedAt;
    if (plausible && report.endsAt < state.lastEndsAt) return true;
  }
  return state.reportedStart !== null && report.endsAt < state.reportedStart;
}

function later(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a > b ? a : b;
}

const notAfter = (limit: Date, time: Date): Date => (time > limit ? limit : time);
const notBefore = (limit: Date, time: Date): Date => (time < limit ? limit : time);
