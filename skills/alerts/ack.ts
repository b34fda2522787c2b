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
 * taken: nobody had it; again: the owner said so again; joined: a second pair of eyes; over: the owner was asked "still
 * on it?" and somebody else answered, so it is theirs now.
 */
export type Taken = 'taken' | 'again' | 'joined' | 'over';

export interface AckRequest {
  readonly holder: Holder;
  readonly now: Date;
  /** How long, when it was said: `ack 12 for 2h`. */
  readonly forMs: number | undefined;
  /** How long the policy lets an acknowledgement stand; undefined: until the alert ends. */
  readonly timeoutMs: number | undefined;
  readonly note: string | null;
}

/** What an acknowledgement becomes when somebody says `ack`. Pure. */
export function acknowledge(ack: Ack | null, request: AckRequest): { readonly ack: Ack; readonly taken: Taken } {
  const { holder, now, forMs, timeoutMs, note } = request;
  const lasts = forMs ?? timeoutMs;
  const until = lasts === undefined ? null : new Date(now.getTime() + lasts).toISOString();
  if (!ack)
    return { taken: 'taken', ack: { owner: holder, at: now.toISOString(), until, note, others: [], askedAt: null } };
  if (ack.owner.key === holder.key) {
    // Until the owner is asked, saying it again never makes the end come sooner; it renews what a policy gives.
    const stands =
      forMs === undefined && ack.askedAt === null && (ack.until === null || until === null || ack.until > until);
    return {
      taken: 'again',
      ack: { ...ack, until: stands ? ack.until : until, note: note ?? ack.note, askedAt: null },
    };
  }
  const others = ack.others.filter((other) => other.key !== holder.key);
  if (ack.askedAt !== null)
    return {
      taken: 'over',
      ack: { owner: holder, at: now.toISOString(), until, note, others: [...others, ack.owner], askedAt: null },
    };
  return { taken: 'joined', ack: { ...ack, others: [...others, holder].slice(-20) } };
}

/** left: a helper less; handed: the next one owns it now; open: nobody has it; none: it was not theirs to give back. */
export type Given = 'left' | 'handed' | 'open' | 'none';

/**
 * What remains when somebody says `unack`. Typed by one who does not have it, it takes it from whoever does, since the
 * owner may be asleep; a tap that is taken away only ever takes away the own one. Pure.
 */
export function giveBack(
  ack: Ack,
  holder: Holder,
  tapped: boolean,
): { readonly ack: Ack | null; readonly given: Given } {
  const others = ack.others.filter((other) => other.key !== holder.key);
  if (others.length < ack.others.length && ack.owner.key !== holder.key)
    return { given: 'left', ack: { ...ack, others } };
  if (ack.owner.key !== holder.key) return tapped ? { given: 'none', ack } : { given: 'open', ack: null };
  const [next, ...rest] = others;
  return next
    ? { given: 'handed', ack: { ...ack, owner: next, others: rest, askedAt: null } }
    : { given: 'open', ack: null };
}
