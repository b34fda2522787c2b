import { createHash } from 'node:crypto';

/**
 * What one sender last reported about an alert, as positions in the order of acceptance and times of the sender's own
 * clock. Senders are the peers of one Alertmanager cluster, as far as they can be distinguished. Stored as JSON.
 */
export interface SenderState {
  readonly sender: string;
  /** Its last "firing"; null: none that counts. */
  readonly firing: number | null;
  /** The latest start it reported since the alert opened. */
  readonly startMs: number | null;
  readonly resolved: number | null;
  readonly endMs: number | null;
}

/** Peers, and the addresses that restarts and proxies add. The longest silent are dropped, so none blocks an end forever. */
const MAX_SENDERS = 8;

/**
 * Peers behind one Service share the external URL, peers behind one proxy the address, and each reports in order only
 * within one group. `X-Forwarded-For` is not used: any client can set it.
 */
export function senderKey(
  address: string | undefined,
  externalUrl: string,
  receiver: string,
  groupKey: string,
): string {
  const basis = JSON.stringify([address ?? '', externalUrl, receiver, groupKey]);
  return createHash('sha256').update(basis).digest('base64url').slice(0, 12);
}

interface ReportOrigin {
  readonly sender: string;
  readonly order: number;
}

/** @param since the last end that counted: a "firing" accepted before it says nothing about the current episode. */
export function recordFiring(
  senders: readonly SenderState[],
  { sender, order }: ReportOrigin,
  startsAt: Date | null,
  since: number | null,
): readonly SenderState[] {
  if (since !== null && order <= since) return senders;
  const before = stateOf(senders, sender);
  const continues = before.firing !== null && (since === null || before.firing > since);
  const startMs = startsAt?.getTime() ?? null;
  return replaced(senders, {
    ...before,
    firing: Math.max(before.firing ?? order, order),
    startMs: continues && before.startMs !== null ? Math.max(before.startMs, startMs ?? before.startMs) : startMs,
  });
}

export function recordResolved(
  senders: readonly SenderState[],
  { sender, order }: ReportOrigin,
  endsAt: Date | null,
): readonly SenderState[] {
  const before = stateOf(senders, sender);
  if (before.resolved !== null && before.resolved > order) return senders;
  return replaced(senders, { ...before, resolved: order, endMs: endsAt?.getTime() ?? null });
}

interface End {
  readonly endsAt: Date;
  /** Later than any end reported before. */
  readonly isNew: boolean;
}

/**
 * Whether a sender reports "firing" although it knows of this end: its start is after the end, or it reported the end before
 * its "firing" and has not repeated it since. A sender that never reported the end may be behind, waiting for its peer or for
 * us (with two real peers, 30 of 40 alerts ended that way), and contradicts nothing.
 */
export function isEndContradicted(
  senders: readonly SenderState[],
  { endsAt, isNew }: End,
  since: number | null,
): boolean {
  const endMs = endsAt.getTime();
  return senders.some(({ firing, startMs, resolved, endMs: reportedEndMs }) => {
    if (firing === null || (since !== null && firing <= since)) return false;
    if (startMs !== null && endMs < startMs) return true;
    return !isNew && resolved !== null && resolved < firing && reportedEndMs !== null && reportedEndMs >= endMs;
  });
}

export function hasReportedEnd(senders: readonly SenderState[], sender: string, endsAt: Date): boolean {
  const { endMs } = stateOf(senders, sender);
  return endMs !== null && endMs >= endsAt.getTime();
}

function stateOf(senders: readonly SenderState[], sender: string): SenderState {
  return (
    senders.find((state) => state.sender === sender) ?? {
      ...{ sender, firing: null, startMs: null, resolved: null, endMs: null },
    }
  );
}

function replaced(senders: readonly SenderState[], state: SenderState): readonly SenderState[] {
  const next = [...senders.filter(({ sender }) => sender !== state.sender), state];
  if (next.length <= MAX_SENDERS) return next;
  const lastOf = ({ firing, resolved }: SenderState): number => Math.max(firing ?? 0, resolved ?? 0);
  return next.sort((a, b) => lastOf(b) - lastOf(a)).slice(0, MAX_SENDERS);
}
