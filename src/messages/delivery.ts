import type { Message } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connectors/connector.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { Lease } from '../db/lease.ts';
import type { Woken } from '../dispatch/effects.ts';
import type { Accepted } from '../dispatch/event.ts';
import { codeOf, messageOf, reasonOf } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { Log } from '../skill.ts';
import type { StepHook } from '../steps.ts';
import { withOffer } from './offered.ts';
import type { Pace } from './pace.ts';
import { applyStep, newest, operationOf, type Attempt, type Copy, type PlannedStep } from './plan.ts';
import { digestMessage } from './digest.ts';
import { Recorder } from './recorder.ts';
import { markDead } from './dead-letters.ts';
import { membersOf, threadRoot, withdrawAttempts, type MessageRow, type Planned } from './store.ts';

/** A request shorter than this is not worth beginning; the lease is renewed soon. */
const MIN_REQUEST_MS = 1000;
const MAX_REQUEST_MS = 10_000;
const SHARED_SIGNAL_MS = 200;
/** About ten minutes with the pauses between them. */
const MAX_UNKNOWN_TRIES = 24;
const MAX_CONFIRMED = 5000;
/** Fewer than a connector has sockets: a request that waits for one would use up its time. */
const REQUESTS_AT_ONCE = 50;

export interface DeliveryOptions {
  readonly database: Database;
  readonly name: string;
  readonly connector: Connector;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly step: StepHook;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly onAccepted: (accepted: readonly Accepted[]) => void;
  /** The platform will never take this one: in the transaction that keeps it, somebody else is told. */
  readonly onDead: (transaction: Transaction, row: MessageRow, message: Message, reason: string) => Promise<Woken>;
  readonly onWoken: (woken: Woken) => void;
  /** The account does not work: pause everything. */
  readonly onUnauthorised: (error: unknown) => void;
  /** The platform is reachable otherwise: an outage makes no dead letters. */
  readonly isUp: () => boolean;
}

/** What one request leaves to be done in its room: go on, or wait for what its pace says. */
type Turn = 'more' | 'wait';
/** What became of a delivery: all was sent; some was withdrawn and is to be looked at again; or the room's pace says when. */
export type Delivered = 'sent' | 'left' | 'wait';

/** What has to be remembered of a room between two deliveries. */
export interface Uncertain {
  /** Nothing in the room has an unknown outcome, as far as the rows were looked at. */
  looked: boolean;
  /** Tries of the current key with an unknown outcome. */
  unknownTries: number;
  /** The step that follows what was sent here last: nobody has tried it yet. */
  untried: string | undefined;
  /** Something came that goes before bulk. */
  urgent: boolean;
}

/** Names a step of a message. */
export function stepKey(row: MessageRow, next: number): string {
  return `${row.id} ${next}`;
}

/** Makes the requests that were decided, one after another in each room, and sees to it that what came of them is recorded. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #pace: Pace;
  readonly #recorder: Recorder;
  readonly #confirmed = new Set<string>();
  readonly #slots = new Slots(REQUESTS_AT_ONCE);
  #shared = { signal: AbortSignal.abort(), untilMs: 0 };
  #stopped = false;

  constructor(options: DeliveryOptions, pace: Pace) {
    this.#options = options;
    this.#pace = pace;
    this.#recorder = new Recorder(options.database, options.lease, options.onAccepted);
  }

  /** Makes no further request. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Delivers what was decided and frozen for one room, in order; what is not sent any more is withdrawn, unless it may
   * have been sent before (`unknown`).
   */
  async deliver(batch: readonly Planned[], room: Uncertain, kind: 'fresh' | 'unknown'): Promise<Delivered> {
    const { lease, database, step } = this.#options;
    const recording: Promise<unknown>[] = [];
    let turn: Turn = 'more';
    let sent = 0;
    try {
      for (const { row, attempt } of batch) {
        await this.#slots.take(row.queue === 0);
        try {
          if (this.#stopped) break;
          if (kind === 'fresh' || sent > 0) {
            // A pace that changed since this was decided counts, and what came meanwhile may go before the rest.
            if (this.#pace.waitMs(row.room, this.#options.clock.monotonic()) > 0) turn = 'wait';
            if (turn === 'wait' || this.#isLate(row) || (sent > 0 && room.urgent && row.queue > 0)) break;
          }
          turn = await this.#send(row, attempt, room, recording);
          sent++;
        } finally {
          this.#slots.give();
        }
        if (turn !== 'more' || room.unknownTries > 0) break;
      }
    } finally {
      this.#recorder.flush();
      const recorded = await Promise.allSettled(recording);
      if (recorded.some((one) => one.status === 'rejected')) room.looked = false;
    }
    step('courier.after-record');
    const unsent = batch.slice(sent).map(({ row }) => row);
    // Of what is unknown one cannot say that it was not sent.
    if (unsent.length > 0 && (kind === 'fresh' || sent > 0)) await withdrawAttempts(database.query, lease, unsent);
    if (turn === 'wait') return 'wait';
    return unsent.length > 0 ? 'left' : 'sent';
  }

  #isLate(row: MessageRow): boolean {
    return row.until !== null && row.until < this.#options.clock.now();
  }

  /** What ends a request before the lease does. Shared by those that begin together: each signal costs as much as the request. */
  signal(): AbortSignal {
    const { clock, lease } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs >= this.#shared.untilMs || this.#shared.signal.aborted) {
      const requestMs = Math.max(1, Math.floor(Math.min(MAX_REQUEST_MS, lease.leftMs())));
      const signal = AbortSignal.any([AbortSignal.timeout(requestMs), lease.signal]);
      this.#shared = { signal, untilMs: nowMs + Math.min(SHARED_SIGNAL_MS, requestMs - MIN_REQUEST_MS) };
    }
    return this.#shared.signal;
  }

  /** One request was seen in the platform's stream: settles it. */
  async echo(row: MessageRow, remoteId: string): Promise<void> {
    const recording = this.#confirm(row, JSON.parse(row.attempt ?? '') as Attempt, remoteId);
    this.#recorder.flush();
    await recording;
  }

  /** Most echoes are of what its own answer has settled long ago. */
  isSettled(key: string): boolean {
    return this.#confirmed.has(key);
  }

  /** One request. What it leads to is recorded while the next one is on its way; `recording` collects that. */
  async #send(row: MessageRow, attempt: Attempt, room: Uncertain, recording: Promise<unknown>[]): Promise<Turn> {
    const { lease, clock, connector, database, metrics, name, step } = this.#options;
    const planned = attempt.steps[attempt.next];
    if (!planned) return this.dead(row, 'its plan has no step left', attempt.version);
    const thread = row.thread ?? (row.thread_key ? await threadRoot(database.query, row) : undefined);
    if (lease.leftMs() < MIN_REQUEST_MS) {
      room.looked = false;
      this.#pace.failed('room', row.room, clock.monotonic());
      return 'wait';
    }
    const operation = operationOf(planned, {
      id: row.id,
      room: row.room,
      sends: row.sends,
      replyTo: row.reply_to ?? undefined,
      thread,
      unknownTries: room.unknownTries,
    });
    this.#pace.spend();
    try {
      const remoteId = await connector.perform(operation, this.signal());
      step('courier.after-send');
      metrics.sends.inc({ connector: name, result: 'ok' });
      this.#pace.succeeded(row.room);
      room.unknownTries = 0;
      // Its echo, which may come before it is recorded, has nothing to add.
      this.#settled(row);
      room.looked = attempt.next + 1 >= attempt.steps.length;
      room.untried = stepKey(row, attempt.next + 1);
      recording.push(
        this.#confirm(row, attempt, remoteId).then((confirmed) => {
          if (!confirmed) room.looked = false;
        }),
      );
      return 'more';
    } catch (error) {
      return this.#failed(row, attempt, planned, room, error);
    }
  }

  #settled(row: MessageRow): void {
    if (this.#confirmed.size >= MAX_CONFIRMED) this.#confirmed.clear();
    this.#confirmed.add(`${row.id}.${row.sends}`);
  }

  async #confirm(row: MessageRow, attempt: Attempt, remoteId: string, gone = false): Promise<boolean> {
    const { metrics, name, connector, clock } = this.#options;
    const planned = attempt.steps[attempt.next];
    if (!planned) return false;
    const copies = JSON.parse(row.copies) as Copy[];
    const applied = gone
      ? copies.map((copy, index) => (index === planned.copy ? { ...copy, gone: true } : copy))
      : applyStep(copies, planned, remoteId);
    const last = gone || attempt.next + 1 >= attempt.steps.length;
    const offers =
      connector.capabilities.reactions &&
      !connector.capabilities.buttons &&
      (JSON.parse(attempt.actions) as Message['actions'] & object).some((action) => action.offer !== false);
    const recorded = await this.#recorder.record(row, {
      copies: last ? newest(applied) : applied,
      attempt: last ? null : { ...attempt, next: attempt.next + 1 },
      version: attempt.version,
      ring: attempt.ring,
      offered: withOffer(row.offered, attempt.version, attempt.actions),
      newRemoteId: planned.type === 'send' && !gone ? remoteId : null,
      members: last ? attempt.members : undefined,
      react: last && offers && attempt.steps.some((one) => one.type === 'send'),
    });
    if (recorded && last)
      metrics.deliveryDuration.observe(
        { connector: name, kind: row.reply_to ? 'reply' : planned.type === 'send' ? 'new' : 'edit' },
        Math.max(0, (clock.now().getTime() - (row.not_before ?? row.wanted_at).getTime()) / 1000),
      );
    return recorded;
  }

  async #failed(
    row: MessageRow,
    attempt: Attempt,
    planned: PlannedStep,
    room: Uncertain,
    error: unknown,
  ): Promise<Turn> {
    const { clock, metrics, name, log, database, lease, onUnauthorised } = this.#options;
    const code = codeOf(error);
    const nowMs = clock.monotonic();
    room.looked = false;
    const count = (result: string): void => metrics.sends.inc({ connector: name, result });
    if (code === 'WB_RATE_LIMITED') {
      count('rate_limited');
      const { scope, retryAfterMs } = error as { scope: 'room' | 'account'; retryAfterMs: number } & Error;
      this.#pace.rateLimited(scope, row.room, retryAfterMs, nowMs);
      // Only the first try of the first step is certain to have left no trace.
      if (room.unknownTries === 0 && attempt.next === 0) await withdrawAttempts(database.query, lease, [row]);
      return 'wait';
    }
    if (code === 'WB_GONE' && planned.type !== 'send') {
      count('gone');
      // Gone is what a delete wanted; an edit of what somebody deleted is given up.
      await this.#confirm(row, attempt, '', planned.type === 'edit');
      room.unknownTries = 0;
      return 'more';
    }
    if (code === 'WB_REJECTED') {
      count('rejected');
      const certain = room.unknownTries === 0;
      room.unknownTries = 0;
      const reason = reasonOf(error);
      return this.dead(row, reason, certain ? attempt.version : undefined);
    }
    if (code === 'WB_UNAUTHORISED') {
      count('unauthorised');
      this.#pace.failed('account', row.room, nowMs);
      onUnauthorised(error);
      return 'wait';
    }
    if (code === 'WB_UNREACHABLE') {
      count('unreachable');
      this.#pace.failed('account', row.room, nowMs);
      if (room.unknownTries === 0 && attempt.next === 0) await withdrawAttempts(database.query, lease, [row]);
      return 'wait';
    }
    if (code === 'WB_MOVED') {
      count('moved');
      this.#pace.pause(row.room, (error as { retryAfterMs: number } & Error).retryAfterMs, nowMs);
      if (room.unknownTries === 0 && attempt.next === 0) await withdrawAttempts(database.query, lease, [row]);
      return 'wait';
    }
    count('unknown');
    room.unknownTries++;
    room.untried = undefined;
    if (room.unknownTries >= MAX_UNKNOWN_TRIES && this.#options.isUp()) {
      room.unknownTries = 0;
      return this.dead(row, 'the server answers, but never says whether it took this one; it may have been shown');
    }
    const waitMs = this.#pace.failed('room', row.room, nowMs);
    log.warn(
      { message: row.id, tries: room.unknownTries, waitMs: Math.round(waitMs), reason: messageOf(error) },
      'send has an unknown outcome and is repeated under the same key',
    );
    return 'wait';
  }

  /**
   * The platform will never take it: kept, and somebody else is told. With a `version` only if it still says what was
   * refused; what it says by now is tried.
   */
  async dead(row: MessageRow, reason: string, version?: number): Promise<'more'> {
    const { database, lease, onAccepted, onDead, onWoken, log } = this.#options;
    const told = await database.transaction(async (transaction) => {
      const members = row.digest ? await membersOf(transaction.query, row.id) : undefined;
      const accepted = await markDead(transaction.query, lease, row, reason, version);
      if (!accepted) return undefined;
      const lost = members
        ? digestMessage(members.filter((member) => member.pending))
        : (JSON.parse(row.content) as Message);
      return { accepted, woken: await onDead(transaction, row, lost, reason) };
    });
    if (!told) return 'more';
    log.error({ message: row.id, reason }, 'message cannot be shown and became a dead letter');
    onAccepted(told.accepted);
    onWoken(told.woken);
    return 'more';
  }
}

/** So many at the same time; who is urgent comes next. */
class Slots {
  readonly #first: (() => void)[] = [];
  readonly #others: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async take(urgent: boolean): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => (urgent ? this.#first : this.#others).push(resolve));
  }

  give(): void {
    const next = this.#first.shift() ?? this.#others.shift();
    if (next) next();
    else this.#free++;
  }
}
