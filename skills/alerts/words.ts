import { createHash } from 'node:crypto';

/**
 * What one sender said of an alert last, as places in the order of acceptance and times of its own clock. Senders are the
 * peers of one Alertmanager cluster, as far as anything tells them apart.
 */
export interface Word {
  readonly sender: string;
  /** Its last "firing"; null: it said none that counts. */
  readonly firing: number | null;
  /** The latest start it gave since the alert opened. */
  readonly startMs: number | null;
  readonly resolved: number | null;
  readonly endMs: number | null;
}

/** Peers, and what restarts and proxies add to them; the longest silent are forgotten, so they hold up nothing. */
const MAX_WORDS = 8;

/**
 * Peers behind one Service share the external URL, peers behind one proxy the address; each says things in order only
 * within one group. `X-Forwarded-For` is not asked: anybody may write it.
 */
export function senderOf(address: string | undefined, externalUrl: string, receiver: string, groupKey: string): string {
  const basis = JSON.stringify([address ?? '', externalUrl, receiver, groupKey]);
  return createHash('sha256').update(basis).digest('base64url').slice(0, 12);
}

interface Saying {
  readonly sender: string;
  readonly order: number;
}

/** @param since the last end that counted: what was accepted before it says nothing of what fires now. */
export function withFiring(
  words: readonly Word[],
  { sender, order }: Saying,
  startsAt: Date | null,
  since: number | null,
): readonly Word[] {
  if (since !== null && order <= since) return words;
  const before = wordOf(words, sender);
  const goesOn = before.firing !== null && (since === null || before.firing > since);
  const startMs = startsAt?.getTime() ?? null;
  return kept(words, {
    ...before,
    firing: Math.max(before.firing ?? order, order),
    startMs: goesOn && before.startMs !== null ? Math.max(before.startMs, startMs ?? before.startMs) : startMs,
  });
}

export function withResolved(words: readonly Word[], { sender, order }: Saying, endsAt: Date | null): readonly Word[] {
  const before = wordOf(words, sender);
  if (before.resolved !== null && before.resolved > order) return words;
  return kept(words, { ...before, resolved: order, endMs: endsAt?.getTime() ?? null });
}

interface End {
  readonly endsAt: Date;
  /** It is later than any end that was told before. */
  readonly isNew: boolean;
}

/**
 * Whether somebody says that it fires and knows of this end: gave a start after it, or had told it before it said "firing"
 * and has not told it since. Who said "firing" without having told the end may be behind: it waited for its peer, or for us
 * (with two real peers, 30 of 40 alerts ended like that).
 */
export function isContradicted(words: readonly Word[], { endsAt, isNew }: End, since: number | null): boolean {
  const endMs = endsAt.getTime();
  return words.some(({ firing, startMs, resolved, endMs: toldMs }) => {
    if (firing === null || (since !== null && firing <= since)) return false;
    if (startMs !== null && endMs < startMs) return true;
    return !isNew && resolved !== null && resolved < firing && toldMs !== null && toldMs >= endMs;
  });
}

export function hasTold(words: readonly Word[], sender: string, endsAt: Date): boolean {
  const { endMs } = wordOf(words, sender);
  return endMs !== null && endMs >= endsAt.getTime();
}

function wordOf(words: readonly Word[], sender: string): Word {
  return (
    words.find((word) => word.sender === sender) ?? {
      ...{ sender, firing: null, startMs: null, resolved: null, endMs: null },
    }
  );
}

function kept(words: readonly Word[], word: Word): readonly Word[] {
  const next = [...words.filter(({ sender }) => sender !== word.sender), word];
  if (next.length <= MAX_WORDS) return next;
  const lastOf = ({ firing, resolved }: Word): number => Math.max(firing ?? 0, resolved ?? 0);
  return next.sort((a, b) => lastOf(b) - lastOf(a)).slice(0, MAX_WORDS);
}
