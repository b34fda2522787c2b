import type { Message } from '../chat/message.ts';
import { rerun } from '../db/database.ts';
import { AHEAD_MS } from './alarms.ts';
import { askerOnlyRoute } from './asker-only.ts';
import { changeAttempt, withdrawAttempts, type Planned } from './attempts.ts';
import { dropExpired, markShown } from './confirmations.ts';
import type { Delivery, DeliveryOptions } from './delivery.ts';
import { livingDigest, digestEntries, unfold } from './digest-rows.ts';
import { digestMessage } from './digest.ts';
import type { MessageRow } from './message-rows.ts';
import { byTime, earlyMsOf, takeEarly } from './not-before.ts';
import { operationOf, planFor, type Attempt, type Copy } from './plan.ts';
import type { RateLimits } from './rate-limiter.ts';

/** What changes right now, or has just changed, is looked at again so soon. */
export const AGAIN_MS = 100;
/** About ten minutes with the pauses between them. */
const MAX_UNKNOWN_TRIES = 24;
/** Platforms have no keys for such answers. */
const NOT_REPEATED = 'nobody knows whether it was shown, and it is not repeated';

/**
 * `idle`: nothing to do, as far as is known. `ready`, `urgent`: something may be sent; urgent comes before bulk. `working`: it
 * has its turn. `woken`, `pressed`: something, or something urgent, came during its turn.
 */
type State = 'idle' | 'ready' | 'urgent' | 'working' | 'woken' | 'pressed';

/** What a turn leaves: nothing, perhaps more to send now, or a wait until the room is looked into again. */
export type Turn = 'done' | 'more' | { readonly waitMs: number };

/** What nobody recorded as confirmed in a room. */
export interface Unsettled {
  /** Comes before anything else. */
  readonly first: MessageRow | undefined;
  /** Each goes on with what was confirmed, and has to wait for a bucket of its own: others need not. */
  readonly putOff: readonly MessageRow[];
}

/** What waits in a room, once it is decided. */
export interface Decided {
  /** To be frozen and sent, in order. */
  readonly batch: readonly Planned[];
  /** The first, where it is not simply something to send. */
  readonly special: MessageRow | undefined;
  /** What is left for later. */
  readonly after: Turn;
}

/** One room of a connector: decides what it is sent, sends it in order, and remembers which requests nobody knows the outcome of. */
export class RoomWorker {
  readonly room: string;
  readonly #options: DeliveryOptions;
  readonly #limits: RateLimits;
  readonly #delivery: Delivery;
  #state: State = 'idle';
  #turn = Promise.withResolvers<void>();
  /** What it froze ahead of its time in its turn and has not sent; undefined: that is not decided yet. */
  #ahead: Set<string> | undefined;
  /** Something came during its turn. */
  #called = Promise.withResolvers<void>();
  /** False: a former holder, or a failure, may have left a request without a known outcome; the rows say. */
  isSettled = false;
  /** Requests that are not recorded as confirmed, and how often each was tried without an answer; 0: it follows what was confirmed. */
  readonly #tries = new Map<string, number>();

  constructor(room: string, options: DeliveryOptions, limits: RateLimits, delivery: Delivery) {
    this.room = room;
    this.#options = options;
    this.#limits = limits;
    this.#delivery = delivery;
  }

  get isWorking(): boolean {
    return this.#state === 'working' || this.#state === 'woken' || this.#state === 'pressed';
  }

  /** It is deciding what to send, or holds what is not due yet. */
  get mayHoldAhead(): boolean {
    return this.isWorking && (this.#ahead === undefined || this.#ahead.size > 0);
  }

  get isUrgent(): boolean {
    return this.#state === 'urgent';
  }

  wake(urgent: boolean): void {
    if (this.isWorking) {
      this.#state = urgent || this.#state === 'pressed' ? 'pressed' : 'woken';
      this.#called.resolve();
    } else this.#state = urgent || this.#state === 'urgent' ? 'urgent' : 'ready';
  }

  begin(): void {
    this.#state = 'working';
    this.#turn = Promise.withResolvers();
    this.#called = Promise.withResolvers();
    this.#ahead = undefined;
  }

  /** True: it is to be looked into again now. */
  end(turn: Turn): boolean {
    const woken = this.#state;
    this.#state = woken === 'pressed' ? 'urgent' : woken === 'woken' || turn === 'more' ? 'ready' : 'idle';
    this.#turn.resolve();
    return this.#state !== 'idle';
  }

  /** Resolves when its turn is over; whoever waits comes before the next turn, which begins in another task. */
  ended(): Promise<void> {
    return this.isWorking ? this.#turn.promise : Promise.resolve();
  }

  /** What was known of its requests is no longer true. */
  forget(): void {
    this.isSettled = false;
    this.#tries.clear();
    this.#limits.forget(this.room);
  }

  /** A request was found whose outcome nobody recorded; somebody who is gone may have made it. */
  #triesOf(row: MessageRow): number {
    return this.#tries.get(requestOf(row)) ?? 1;
  }

  /** Of what is not recorded as confirmed in its room: requests without an answer come first, whatever else could go on. */
  unsettled(rows: readonly MessageRow[]): Unsettled {
    this.isSettled = rows.length === 0;
    if (this.isSettled) this.#tries.clear();
    const unknown = rows.find((row) => this.#triesOf(row) > 0);
    if (unknown) return { first: unknown, putOff: [] };
    const mustWait = (row: MessageRow): boolean =>
      this.#ownWaitMs({ row, attempt: JSON.parse(row.attempt ?? '') as Attempt }) > 0;
    return { first: rows.find((row) => !mustWait(row)), putOff: rows };
  }

  /** What a former holder, or a request without an answer, left. */
  async settle(row: MessageRow, budget: number): Promise<Turn> {
    const attempt = JSON.parse(row.attempt ?? '') as Attempt;
    const tries = this.#triesOf(row);
    if (tries > 0 && attempt.way && 'to' in attempt.way) {
      await this.#delivery.drop(row, NOT_REPEATED);
      return 'more';
    }
    const repeat = await this.#repeatOf(row, attempt);
    // It changed meanwhile.
    if (!repeat) return { waitMs: AGAIN_MS };
    this.#tries.set(requestOf(row), tries);
    const turn = await this.deliver([{ row, attempt: repeat }], budget);
    // There may be another one.
    return turn === 'done' ? 'more' : turn;
  }

  /**
   * The very same, as long as the platform knows its key; after that a send says that it may be a repeat. Undefined: it
   * changed meanwhile, and is to be looked at again.
   */
  async #repeatOf(row: MessageRow, attempt: Attempt): Promise<Attempt | undefined> {
    const { connector, clock, database, lease } = this.#options;
    const known = clock.now().getTime() - Date.parse(attempt.at) < connector.capabilities.keyWindowMs;
    // What is half done goes on as it was begun, and what was taken away since is deleted after it.
    if (known || attempt.next > 0 || row.removed || attempt.steps[0]?.type !== 'send') return attempt;
    const marked = await this.#plan(row, (message) => ({
      ...message,
      text: [message.text, '_(may be a repeat)_'].filter(Boolean).join('\n'),
    }));
    if ('impossible' in marked || marked.steps.length === 0) return attempt;
    return (await changeAttempt(database.query, lease, { row, attempt: marked })) ? marked : undefined;
  }

  /**
   * What can be attempted together: messages that depend on nothing before them. Their requests still go out one after
   * another; only the commits before and after are shared. `earlyMs`: until something is due that is not among the rows.
   */
  async decide(
    rows: readonly MessageRow[],
    {
      limit,
      asked,
      earlyMs,
    }: { readonly limit: number; readonly asked: number; readonly earlyMs?: number | undefined },
    putOff: readonly MessageRow[] = [],
  ): Promise<Decided> {
    const now = this.#options.clock.now();
    const batch: Planned[] = [];
    const waits = putOff.length > 0 ? [AGAIN_MS] : [];
    if (earlyMs !== undefined) waits.push(earlyMs);
    for (const row of byTime(rows, now)) {
      if (batch.length === limit) break;
      if (putOff.some(({ id }) => id === row.id || id === row.fold)) continue;
      const attempt = this.#isSpecial(row) ? undefined : await this.#plan(row);
      const isPlain = attempt !== undefined && !('impossible' in attempt) && attempt.steps.length > 0;
      const inMs = earlyMsOf(row, now);
      if (inMs > 0 && (!isPlain || row.thread_key)) {
        waits.push(inMs);
        continue;
      }
      // What stands in a thread is told its root once that is shown.
      if (!isPlain || (row.thread_key && batch.length > 0))
        return { batch, special: batch.length === 0 ? row : undefined, after: 'more' };
      const waitMs = this.#ownWaitMs({ row, attempt });
      if (waitMs > 0) waits.push(waitMs);
      else batch.push({ row, attempt });
    }
    // Who waits for a time must not keep what could go before it.
    if (waits.length > 0) waits.push(...takeEarly(batch, now));
    const isFull = batch.length === limit || rows.length === asked;
    const isMore = batch.length > 0 && (isFull || batch.some(({ attempt }) => attempt.steps.length > 1));
    const later = waits.length > 0 ? { waitMs: Math.max(1, Math.min(...waits)) } : 'done';
    return { batch, special: undefined, after: isMore ? 'more' : later };
  }

  /** Resolves when what was frozen ahead is to be sent. False: something else came before that, and may have changed it. */
  async #isDue(row: MessageRow): Promise<boolean> {
    if (!this.#ahead?.has(row.id)) return true;
    const { clock } = this.#options;
    for (let waitMs; this.#state === 'working' && (waitMs = earlyMsOf(row, clock.now())) > 0;) {
      const rung = Promise.withResolvers<void>();
      const callOff = clock.after(waitMs, rung.resolve);
      await Promise.race([rung.promise, this.#called.promise]);
      callOff();
    }
    if (this.#state !== 'working') return false;
    this.#ahead.delete(row.id);
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

  /** The first message of a room, where it is not simply something to send. `begin` freezes it. */
  async single(next: MessageRow, begin: (planned: Planned) => Promise<boolean>, budget: number): Promise<Turn> {
    const { database, lease, clock, afterCommit } = this.#options;
    const row = next.fold ? await livingDigest(database.query, next.fold) : next;
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
      await this.#delivery.drop(row, 'the platform cannot show it to one account alone');
      return 'more';
    }
    const attempt = await this.#plan(row);
    // Whatever is wrong with it must not keep what is behind it.
    if ('impossible' in attempt) {
      await this.#delivery.dead(row, attempt.impossible, row.version);
      return 'more';
    }
    if (attempt.steps.length === 0) return (await markShown(database.query, lease, row, attempt)) ? 'more' : 'done';
    if (!(await begin({ row, attempt }))) return { waitMs: AGAIN_MS };
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
      // A digest of what was taken away says nothing.
      removed: row.removed || members?.every((member) => member.removed) === true,
      message: mark(members ? digestMessage(members) : (JSON.parse(row.content) as Message)),
      copies: JSON.parse(row.copies) as Copy[],
      now: clock.now(),
      way: this.#way(row),
      ...(members && { members: members.map(({ id, version, ring_version: ring }) => ({ id, version, ring })) }),
    });
  }

  /**
   * Sends what is frozen, in order, with `budget` requests at most. What is not sent after all is withdrawn, unless it may
   * have been sent before.
   */
  async deliver(frozen: readonly Planned[], budget: number): Promise<Turn> {
    const { database, lease, crashPoint } = this.#options;
    const now = this.#options.clock.now();
    // What may have been sent before, and was said anew for later, holds nothing up.
    const isAhead = (inMs: number): boolean => inMs > 0 && inMs <= AHEAD_MS;
    this.#ahead = new Set(frozen.filter(({ row }) => isAhead(earlyMsOf(row, now))).map(({ row }) => row.id));
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
        if (!end.goesOn) break;
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

  /** All requests of one message. Undefined: it is shown, or never will be. */
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
          return { withdraw: untouched, goesOn: answer.goesOn === true && untouched, turn: answer.turn };
        case 'never':
          this.#tries.delete(request);
          await this.#delivery.dead(row, answer.reason, isRepeat ? undefined : attempt.version);
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
          // The next step is asked for under a key that the row counts to.
          this.#delivery.flush();
          if (!(await recorded)) return { withdraw: false, goesOn: false, turn: 'more' };
          ({ row, attempt } = after);
        }
      }
    }
    return undefined;
  }

  /** A pace that changed since this was decided counts, and what came meanwhile may go before the rest. */
  #stopBefore(row: MessageRow, attempt: Attempt, { left, sent }: Sending): NotAsked | undefined {
    const nowMs = this.#options.clock.steady();
    const waitMs = this.#limits.waitMs(row.room, nowMs);
    if (waitMs > 0) return { type: 'not asked', turn: { waitMs } };
    const ownMs = this.#ownWaitMs({ row, attempt });
    if (ownMs > 0) return { type: 'not asked', turn: { waitMs: ownMs }, goesOn: true };
    const isPressed = sent > 0 && row.queue > 0 && this.#state === 'pressed';
    if (this.#delivery.isStopped || left <= 0 || isPressed || (attempt.next === 0 && this.#isLate(row)))
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
      await this.#delivery.dead(
        row,
        'the server answers, but never says whether it took this one; it may have been shown',
      );
      return undefined;
    }
    const waitMs = this.#limits.room(row.room).failed(this.#options.clock.steady());
    log.warn(
      { message: row.id, tries, waitMs: Math.round(waitMs), reason },
      'send has an unknown outcome and is repeated under the same key',
    );
    return { withdraw: false, goesOn: false, turn: { waitMs } };
  }
}

const NOT_YET: NotAsked = { type: 'not asked', turn: 'more' };

/** Names a request: as its key does. */
function requestOf(row: MessageRow): string {
  return `${row.id} ${row.sends}`;
}

interface Sending {
  /** Requests that may still be made. */
  left: number;
  sent: number;
  /** What is recorded while the next request is on its way. */
  readonly recording: Promise<unknown>[];
}

/** A message that was not sent to its end. */
interface Ended {
  /** Certainly nothing of it was done. */
  readonly withdraw: boolean;
  /** Those behind it need not wait. */
  readonly goesOn: boolean;
  readonly turn: Turn | undefined;
}

interface NotAsked {
  readonly type: 'not asked';
  readonly turn: Turn;
  readonly goesOn?: boolean;
}
