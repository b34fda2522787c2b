import type { Message } from '../chat/message.ts';
import { rerun } from '../db/database.ts';
import { FREEZE_EARLY_MS } from './alarms.ts';
import { askerOnlyRoute } from './asker-only.ts';
import { changeAttempt, withdrawAttempts, type Planned } from './attempts.ts';
import { dropExpired, markShown } from './confirmations.ts';
import type { Delivery, DeliveryOptions } from './delivery.ts';
import { liveDigest, digestEntries, unfold } from './digest-rows.ts';
import { digestMessage } from './digest.ts';
import type { MessageRow } from './message-rows.ts';
import { byTime, earlyMsOf, takeEarly } from './not-before.ts';
import { operationOf, planFor, type Attempt, type Copy } from './plan.ts';
import type { RateLimits } from './rate-limiter.ts';

/** A row that is locked, or has just changed, is looked at again after this. */
export const LOOK_AGAIN_MS = 100;
/** About ten minutes with the pauses between them. */
const MAX_UNKNOWN_TRIES = 24;
/** Platforms have no idempotency keys for private replies. */
const NOT_REPEATED = 'it may or may not have been shown, and cannot be repeated safely';

/**
 * `idle`: nothing known to do. `ready`, `urgent`: something may be sent; urgent goes before bulk. `working`: it has its turn.
 * `woken`, `preempted`: something, or something urgent, was added during its turn.
 */
type State = 'idle' | 'ready' | 'urgent' | 'working' | 'woken' | 'preempted';

/** The end of a turn: nothing left, perhaps more to send now, or a wait until the next look at the room. */
export type Turn = 'done' | 'more' | { readonly waitMs: number };

/** The requests of a room that are not recorded as confirmed. */
export interface Unsettled {
  /** Must be sent before anything else. */
  readonly first: MessageRow | undefined;
  /** Partly sent, and waiting for a bucket of their own; others may be sent meanwhile. */
  readonly deferred: readonly MessageRow[];
}

/** What to do next in a room. */
export interface Decided {
  /** To be frozen and sent, in order. */
  readonly batch: readonly Planned[];
  /** The first row, if it needs more than being sent. */
  readonly special: MessageRow | undefined;
  /** What to do after that. */
  readonly after: Turn;
}

/** Delivers to one room: decides what to send, sends it in order, and tracks requests with an unknown outcome. */
export class RoomWorker {
  readonly room: string;
  readonly #options: DeliveryOptions;
  readonly #limits: RateLimits;
  readonly #delivery: Delivery;
  #state: State = 'idle';
  #turn = Promise.withResolvers<void>();
  /** Rows that it froze before their time in this turn and has not sent; undefined: not decided yet. */
  #frozenEarly: Set<string> | undefined;
  /** Resolves when something is added during its turn. */
  #added = Promise.withResolvers<void>();
  /** False: there may be requests with an unknown outcome, left by another replica or a failure; the rows tell. */
  isSettled = false;
  /** Unconfirmed requests, and how often each was tried without an answer; 0: not sent yet, but an earlier step was. */
  readonly #tries = new Map<string, number>();

  constructor(room: string, options: DeliveryOptions, limits: RateLimits, delivery: Delivery) {
    this.room = room;
    this.#options = options;
    this.#limits = limits;
    this.#delivery = delivery;
  }

  get isWorking(): boolean {
    return this.#state === 'working' || this.#state === 'woken' || this.#state === 'preempted';
  }

  /** It is deciding what to send, or has frozen rows that are not due yet. */
  get mayHoldEarly(): boolean {
    return this.isWorking && (this.#frozenEarly === undefined || this.#frozenEarly.size > 0);
  }

  get isUrgent(): boolean {
    return this.#state === 'urgent';
  }

  wake(urgent: boolean): void {
    if (this.isWorking) {
      this.#state = urgent || this.#state === 'preempted' ? 'preempted' : 'woken';
      this.#added.resolve();
    } else this.#state = urgent || this.#state === 'urgent' ? 'urgent' : 'ready';
  }

  begin(): void {
    this.#state = 'working';
    this.#turn = Promise.withResolvers();
    this.#added = Promise.withResolvers();
    this.#frozenEarly = undefined;
  }

  /** True: look at it again now. */
  end(turn: Turn): boolean {
    const woken = this.#state;
    this.#state = woken === 'preempted' ? 'urgent' : woken === 'woken' || turn === 'more' ? 'ready' : 'idle';
    this.#turn.resolve();
    return this.#state !== 'idle';
  }

  /** Resolves at the end of its turn, before the next turn, which starts in another macrotask. */
  ended(): Promise<void> {
    return this.isWorking ? this.#turn.promise : Promise.resolve();
  }

  /** Discards what it knows about requests and waits. */
  forget(): void {
    this.isSettled = false;
    this.#tries.clear();
    this.#limits.forget(this.room);
  }

  /** An unknown request counts as tried once: a replica that is gone may have made it. */
  #triesOf(row: MessageRow): number {
    return this.#tries.get(requestOf(row)) ?? 1;
  }

  /** Sorts out unconfirmed requests: those without an answer go first, before anything else. */
  unsettled(rows: readonly MessageRow[]): Unsettled {
    this.isSettled = rows.length === 0;
    if (this.isSettled) this.#tries.clear();
    const unknown = rows.find((row) => this.#triesOf(row) > 0);
    if (unknown) return { first: unknown, deferred: [] };
    const mustWait = (row: MessageRow): boolean =>
      this.#ownWaitMs({ row, attempt: JSON.parse(row.attempt ?? '') as Attempt }) > 0;
    return { first: rows.find((row) => !mustWait(row)), deferred: rows };
  }

  /** Settles an attempt that another replica left, or that got no answer. */
  async settle(row: MessageRow, budget: number): Promise<Turn> {
    const attempt = JSON.parse(row.attempt ?? '') as Attempt;
    const tries = this.#triesOf(row);
    if (tries > 0 && attempt.way && 'to' in attempt.way) {
      await this.#delivery.drop(row, NOT_REPEATED);
      return 'more';
    }
    const repeat = await this.#repeatOf(row, attempt);
    // It has changed since.
    if (!repeat) return { waitMs: LOOK_AGAIN_MS };
    this.#tries.set(requestOf(row), tries);
    const turn = await this.deliver([{ row, attempt: repeat }], budget);
    // There may be another.
    return turn === 'done' ? 'more' : turn;
  }

  /**
   * Repeats the same request while the platform remembers its key; after that, a send is marked as a possible repeat.
   * Undefined: the row has changed since; look at it again.
   */
  async #repeatOf(row: MessageRow, attempt: Attempt): Promise<Attempt | undefined> {
    const { connector, clock, database, lease } = this.#options;
    const known = clock.now().getTime() - Date.parse(attempt.at) < connector.capabilities.keyWindowMs;
    // A partly sent message is completed as decided. If it was removed since, it is deleted afterwards.
    if (known || attempt.next > 0 || row.removed || attempt.steps[0]?.type !== 'send') return attempt;
    const marked = await this.#plan(row, (message) => ({
      ...message,
      text: [message.text, '_(may be a repeat)_'].filter(Boolean).join('\n'),
    }));
    if ('impossible' in marked || marked.steps.length === 0) return attempt;
    return (await changeAttempt(database.query, lease, { row, attempt: marked })) ? marked : undefined;
  }

  /**
   * Decides what can be attempted together: messages that do not depend on earlier ones. Their requests still go out one after
   * another; only the commits are shared. `earlyMs`: time until a row that is not in `rows` is due.
   */
  async decide(
    rows: readonly MessageRow[],
    {
      limit,
      asked,
      earlyMs,
    }: { readonly limit: number; readonly asked: number; readonly earlyMs?: number | undefined },
    deferred: readonly MessageRow[] = [],
  ): Promise<Decided> {
    const now = this.#options.clock.now();
    const batch: Planned[] = [];
    const waits = deferred.length > 0 ? [LOOK_AGAIN_MS] : [];
    if (earlyMs !== undefined) waits.push(earlyMs);
    for (const row of byTime(rows, now)) {
      if (batch.length === limit) break;
      if (deferred.some(({ id }) => id === row.id || id === row.fold)) continue;
      const attempt = this.#isSpecial(row) ? undefined : await this.#plan(row);
      const isPlain = attempt !== undefined && !('impossible' in attempt) && attempt.steps.length > 0;
      const inMs = earlyMsOf(row, now);
      if (inMs > 0 && (!isPlain || row.thread_key)) {
        waits.push(inMs);
        continue;
      }
      // A message in a thread needs the remote id of the thread's first message, which must be shown before.
      if (!isPlain || (row.thread_key && batch.length > 0))
        return { batch, special: batch.length === 0 ? row : undefined, after: 'more' };
      const waitMs = this.#ownWaitMs({ row, attempt });
      if (waitMs > 0) waits.push(waitMs);
      else batch.push({ row, attempt });
    }
    // A message that is not due must not delay one that could be sent before it.
    if (waits.length > 0) waits.push(...takeEarly(batch, now));
    const isFull = batch.length === limit || rows.length === asked;
    const isMore = batch.length > 0 && (isFull || batch.some(({ attempt }) => attempt.steps.length > 1));
    const later = waits.length > 0 ? { waitMs: Math.max(1, Math.min(...waits)) } : 'done';
    return { batch, special: undefined, after: isMore ? 'more' : later };
  }

  /** Resolves when a message frozen early is due. False: the room was woken before, and the message may have changed. */
  async #isDue(row: MessageRow): Promise<boolean> {
    if (!this.#frozenEarly?.has(row.id)) return true;
    const { clock } = this.#options;
    for (let waitMs; this.#state === 'working' && (waitMs = earlyMsOf(row, clock.now())) > 0;) {
      const rung = Promise.withResolvers<void>();
      const cancel = clock.after(waitMs, rung.resolve);
      await Promise.race([rung.promise, this.#added.promise]);
      cancel();
    }
    if (this.#state !== 'working') return false;
    this.#frozenEarly.delete(row.id);
    return true;
  }

  #isSpecial(row: MessageRow): boolean {
    if (row.visible_to !== null && !this.#way(row)) return true;
    return row.fold !== null || row.digest || row.attempt !== null || this.#isLate(row);
  }

  #way(row: MessageRow): ReturnType<typeof askerOnlyRoute> {
    const { connector, clock } = this.#options;
    return askerOnlyRoute(row, connector.capabilities, clock.now());
  }

  #isLate(row: MessageRow): boolean {
    return row.until !== null && row.until < this.#options.clock.now();
  }

  #ownWaitMs({ row, attempt }: Planned): number {
    const step = attempt.steps[attempt.next];
    return step ? this.#limits.ownWaitMs(operationOf(step, row), this.#options.clock.steady()) : 0;
  }

  /** Handles the first message of a room if it needs more than being sent. `begin` freezes it. */
  async single(next: MessageRow, begin: (planned: Planned) => Promise<boolean>, budget: number): Promise<Turn> {
    const { database, lease, clock, afterCommit } = this.#options;
    const row = next.fold ? await liveDigest(database.query, next.fold) : next;
    if (!row) return (await unfold(database.query, lease, next)) ? 'more' : 'done';
    if (row.attempt) {
      this.isSettled = false;
      return 'more';
    }
    if (this.#isLate(row)) {
      const everyMs = this.#limits.everyMs(row.room, clock.steady());
      afterCommit.eventsAccepted(await dropExpired(database.query, lease, row, clock.now(), everyMs));
      return 'more';
    }
    if (row.visible_to !== null && !this.#way(row)) {
      await this.#delivery.drop(row, 'the platform has no private messages');
      return 'more';
    }
    const attempt = await this.#plan(row);
    // A message that cannot be shown must not block those behind it.
    if ('impossible' in attempt) {
      await this.#delivery.dead(row, attempt.impossible, row.version);
      return 'more';
    }
    if (attempt.steps.length === 0) {
      await this.#delivery.shownAgain(row);
      return (await markShown(database.query, lease, row, attempt)) ? 'more' : 'done';
    }
    if (!(await begin({ row, attempt }))) return { waitMs: LOOK_AGAIN_MS };
    const turn = await this.deliver([{ row, attempt }], budget);
    return turn === 'done' ? 'more' : turn;
  }

  async #plan(
    row: MessageRow,
    mark = (message: Message): Message => message,
  ): Promise<Attempt | { readonly impossible: string }> {
    const { connector, database, clock } = this.#options;
    const members = row.digest ? await digestEntries(database.query, row.id) : undefined;
    return planFor(connector, {
      id: row.id,
      version: row.version,
      ringVersion: row.ring_version,
      // A digest whose members were all removed is removed too.
      removed: row.removed || members?.every((member) => member.removed) === true,
      message: mark(members ? digestMessage(members) : (JSON.parse(row.content) as Message)),
      copies: JSON.parse(row.copies) as Copy[],
      now: clock.now(),
      way: this.#way(row),
      ...(members && { members: members.map(({ id, version, ring_version: ring }) => ({ id, version, ring })) }),
    });
  }

  /**
   * Sends frozen rows in order, with at most `budget` requests. The attempts of those that were not sent are undone, unless
   * they may have been sent before.
   */
  async deliver(frozen: readonly Planned[], budget: number): Promise<Turn> {
    const { database, lease, crashPoint } = this.#options;
    const now = this.#options.clock.now();
    // One that may have been sent before, and got a later time since, is not waited for.
    const isEarly = (inMs: number): boolean => inMs > 0 && inMs <= FREEZE_EARLY_MS;
    this.#frozenEarly = new Set(frozen.filter(({ row }) => isEarly(earlyMsOf(row, now))).map(({ row }) => row.id));
    const sending = { left: budget, sent: 0, recording: [] as Promise<unknown>[] };
    const unsent: MessageRow[] = [];
    let turn: Turn = 'done';
    let index = 0;
    try {
      for (; index < frozen.length; index++) {
        const planned = frozen[index];
        const end = planned && (await this.#send(planned, sending));
        if (!planned || !end) continue;
        if (end.withdraw) unsent.push(planned.row);
        if (end.turn !== undefined) turn = end.turn;
        if (!end.othersMayProceed) break;
      }
    } finally {
      this.#delivery.flush();
      const recorded = await Promise.allSettled(sending.recording);
      if (recorded.some((one) => one.status === 'rejected')) this.isSettled = false;
    }
    crashPoint('delivery.after-record');
    unsent.push(...frozen.slice(index + 1).map(({ row }) => row));
    if (unsent.length > 0) await rerun(() => withdrawAttempts(database.query, lease, unsent));
    return turn;
  }

  /** Makes all requests of one message. Undefined: it is shown, or never will be. */
  async #send(planned: Planned, sending: Sending): Promise<Ended | undefined> {
    let { row, attempt } = planned;
    while (attempt.next < attempt.steps.length) {
      const request = requestOf(row);
      const tries = this.#tries.get(request) ?? 0;
      const isRepeat = tries > 0;
      const untouched = attempt.next === 0 && !isRepeat;
      const answer = (await this.#isDue(row))
        ? await this.#delivery.inTurn(row, async () => {
            const stop = isRepeat ? undefined : this.#stopBefore(row, attempt, sending);
            return stop ?? (await this.#delivery.request(row, attempt, tries));
          })
        : NOT_YET;
      sending.left--;
      switch (answer.type) {
        case 'not asked':
        case 'refused':
          if (!untouched) this.isSettled = false;
          return {
            withdraw: untouched,
            othersMayProceed: answer.othersMayProceed === true && untouched,
            turn: answer.turn,
          };
        case 'never':
          this.#tries.delete(request);
          // Whether the first request was done is still unknown.
          if (isRepeat) await this.#delivery.dead(row, `${answer.reason}; an earlier try may have been shown`);
          else await this.#delivery.dead(row, answer.reason, attempt.version);
          return undefined;
        case 'unknown':
          return this.#unknown(row, attempt, answer.reason);
        case 'done': {
          sending.sent++;
          const recorded = this.#delivery.confirm(row, attempt, answer);
          const after = answer.next;
          this.#tries.delete(request);
          sending.recording.push(recorded.then((isOurs) => void (isOurs || (this.isSettled = false))));
          if (after.attempt.next >= after.attempt.steps.length) return undefined;
          this.#tries.set(requestOf(after.row), 0);
          // The next step's key contains the recorded count.
          this.#delivery.flush();
          if (!(await recorded)) return { withdraw: false, othersMayProceed: false, turn: 'more' };
          ({ row, attempt } = after);
        }
      }
    }
    return undefined;
  }

  /** Rate limits may have changed since this was decided, and urgent messages may have been added. */
  #stopBefore(row: MessageRow, attempt: Attempt, { left, sent }: Sending): NotAsked | undefined {
    const nowMs = this.#options.clock.steady();
    const waitMs = this.#limits.waitMs(row.room, nowMs);
    if (waitMs > 0) return { type: 'not asked', turn: { waitMs } };
    const ownMs = this.#ownWaitMs({ row, attempt });
    if (ownMs > 0) return { type: 'not asked', turn: { waitMs: ownMs }, othersMayProceed: true };
    const isPreempted = sent > 0 && row.queue > 0 && this.#state === 'preempted';
    if (this.#delivery.isStopped || left <= 0 || isPreempted || (attempt.next === 0 && this.#isLate(row)))
      return { type: 'not asked', turn: 'more' };
    return undefined;
  }

  async #unknown(row: MessageRow, attempt: Attempt, reason: string): Promise<Ended | undefined> {
    const { log, isUp } = this.#options;
    const request = requestOf(row);
    const tries = (this.#tries.get(request) ?? 0) + 1;
    this.#tries.set(request, tries);
    this.isSettled = false;
    if (attempt.way && 'to' in attempt.way) {
      await this.#delivery.drop(row, NOT_REPEATED);
      return undefined;
    }
    if (tries >= MAX_UNKNOWN_TRIES && isUp()) {
      await this.#delivery.dead(row, 'the server is up, but never confirmed this message; it may have been shown');
      return undefined;
    }
    const waitMs = this.#limits.room(row.room).failed(this.#options.clock.steady());
    log.warn(
      { message: row.id, tries, waitMs: Math.round(waitMs), reason },
      'outcome of a request is unknown; repeating it under the same key',
    );
    return { withdraw: false, othersMayProceed: false, turn: { waitMs } };
  }
}

const NOT_YET: NotAsked = { type: 'not asked', turn: 'more' };

/** Identifies a request, as its key does. */
function requestOf(row: MessageRow): string {
  return `${row.id} ${row.sends}`;
}

interface Sending {
  /** Requests that may still be made. */
  left: number;
  sent: number;
  /** Records in progress, while the next request is in flight. */
  readonly recording: Promise<unknown>[];
}

/** A message that was not sent completely. */
interface Ended {
  /** Certainly none of it was sent. */
  readonly withdraw: boolean;
  /** The messages behind it need not wait. */
  readonly othersMayProceed: boolean;
  readonly turn: Turn | undefined;
}

interface NotAsked {
  readonly type: 'not asked';
  readonly turn: Turn;
  readonly othersMayProceed?: boolean;
}
