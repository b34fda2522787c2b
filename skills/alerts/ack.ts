import { cut, type Actor } from '#skill';
import type { Ack, Holder } from './alert.ts';

export function holderOf(actor: Actor): Holder {
  const { connector, accountId, person } = actor;
  return {
    key: person ?? `${connector} ${accountId}`,
    name: cut(actor.name, 100),
    person: person ?? null,
    connector,
    accountId,
  };
}

/**
 * acked: it had no owner; renewed: by its owner; joined: by another person; takenOver: by another person, after the owner was
 * asked "still on it?", so the owner changes.
 */
export type AckResult = 'acked' | 'renewed' | 'joined' | 'takenOver';

export interface AckRequest {
  readonly holder: Holder;
  readonly now: Date;
  /** The duration in `ack 12 for 2h`. */
  readonly forMs: number | undefined;
  /** How long an acknowledgement lasts under the policy; undefined: until the alert ends. */
  readonly timeoutMs: number | undefined;
  readonly note: string | null;
}

/** Applies `ack` to an alert's acknowledgement. Pure. */
export function acknowledge(ack: Ack | null, request: AckRequest): { readonly ack: Ack; readonly result: AckResult } {
  const { holder, now, forMs, timeoutMs, note } = request;
  const lastsMs = forMs ?? timeoutMs;
  const until = lastsMs === undefined ? null : new Date(now.getTime() + lastsMs).toISOString();
  if (!ack)
    return { result: 'acked', ack: { owner: holder, at: now.toISOString(), until, note, others: [], askedAt: null } };
  if (ack.owner.key === holder.key) {
    // Until the owner is asked, another `ack` never moves the end to an earlier time; it renews the policy's timeout.
    const keepsEnd =
      forMs === undefined && ack.askedAt === null && (ack.until === null || until === null || ack.until > until);
    return {
      result: 'renewed',
      ack: { ...ack, until: keepsEnd ? ack.until : until, note: note ?? ack.note, askedAt: null },
    };
  }
  const others = ack.others.filter((other) => other.key !== holder.key);
  if (ack.askedAt !== null)
    return {
      result: 'takenOver',
      ack: { owner: holder, at: now.toISOString(), until, note, others: [...others, ack.owner], askedAt: null },
    };
  return { result: 'joined', ack: { ...ack, others: [...others, holder].slice(-20) } };
}

/** left: a helper left; handedOver: the next one owns it; released: it has no owner; unchanged: a removed tap of a person who was not on it. */
export type ReleaseResult = 'left' | 'handedOver' | 'released' | 'unchanged';

/**
 * Applies `unack` to an acknowledgement. Typed by a person who is not on the alert, it releases it for the owner, who may be
 * asleep; removing a tap only ever releases one's own acknowledgement. Pure.
 */
export function release(
  ack: Ack,
  holder: Holder,
  tapped: boolean,
): { readonly ack: Ack | null; readonly result: ReleaseResult } {
  const others = ack.others.filter((other) => other.key !== holder.key);
  if (others.length < ack.others.length && ack.owner.key !== holder.key)
    return { result: 'left', ack: { ...ack, others } };
  if (ack.owner.key !== holder.key) return tapped ? { result: 'unchanged', ack } : { result: 'released', ack: null };
  const [next, ...rest] = others;
  return next
    ? { result: 'handedOver', ack: { ...ack, owner: next, others: rest, askedAt: null } }
    : { result: 'released', ack: null };
}
