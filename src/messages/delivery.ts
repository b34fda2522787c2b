import type { Message } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Connector, Moved, Operation, RateLimited, RequestKey } from '../connectors/connector.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database, Transaction } from '../db/database.ts';
import { codeOf, messageOf, reasonOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Committed } from '../events/committed.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Lease } from '../replicas/lease.ts';
import { DirectRooms } from './direct-rooms.ts';
import type { Planned } from './attempts.ts';
import { dropPrivate } from './confirmations.ts';
import { markDead } from './dead-letters.ts';
import { digestEntries } from './digest-rows.ts';
import { digestMessage } from './digest.ts';
import { readFile } from './files.ts';
import { threadRoot, type MessageRow } from './message-rows.ts';
import { withOffer } from './offered-actions.ts';
import { applyStep, newest, operationOf, type Attempt, type Copy, type PlannedStep, type Relation } from './plan.ts';
import type { RateLimits } from './rate-limiter.ts';
import { Recorder } from './recorder.ts';

/** With less time than this left, a request is not worth starting; the lease is renewed soon. */
const MIN_REQUEST_MS = 1000;
const MAX_REQUEST_MS = 10_000;
const SHARED_SIGNAL_MS = 200;
const MAX_CONFIRMED = 5000;
/** Fewer than a connector has sockets: a request would lose time waiting for one. */
const REQUESTS_AT_ONCE = 50;

export interface DeliveryOptions {
  readonly database: Database;
  readonly name: string;
  readonly connector: Connector;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Default: 10 s, and never longer than the lease. */
  readonly longestRequestMs?: number | undefined;
  /** Called when the platform rejects a message for good, in the transaction that marks it dead. */
  readonly onDead: (transaction: Transaction, row: MessageRow, message: Message, reason: string) => Promise<Committed>;
  /** Called when a message whose failover has a copy is shown after all, or deleted. */
  readonly onShownAgain: (transaction: Transaction, row: MessageRow) => Promise<Committed>;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted' | 'outboxWritten'>;
  /** The account's credentials are rejected: pause everything. */
  readonly onUnauthorised: (error: unknown) => void;
  /** Whether the platform is reachable at all: an outage must not create dead letters. */
  readonly isUp: () => boolean;
}

/** The outcome of a request. */
export type RequestOutcome =
  /** Done, or already gone; `next` is the rest of the message. */
  | {
      readonly type: 'done';
      readonly step: PlannedStep;
      readonly remoteId: string | null;
      readonly place: string;
      readonly next: Planned;
    }
  /** Certainly not done. `othersMayProceed`: only requests of this kind have to wait. */
  | { readonly type: 'refused'; readonly turn: { readonly waitMs: number }; readonly othersMayProceed?: boolean }
  /** It can never be done. */
  | { readonly type: 'never'; readonly reason: string }
  | { readonly type: 'unknown'; readonly reason: string };

/** Makes single requests, obeys the platform's rate limits, and records outcomes. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #limits: RateLimits;
  readonly #recorder: Recorder;
  readonly #rooms: DirectRooms;
  readonly #confirmed = new Set<string>();
  readonly #slots = new Slots(REQUESTS_AT_ONCE);
  #shared = { signal: AbortSignal.abort(), untilMs: 0 };
  #stopped = false;

  constructor(options: DeliveryOptions, limits: RateLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#rooms = new DirectRooms({ ...options, query: options.database.query });
    this.#recorder = new Recorder(options.database, options.lease, options.afterCommit);
  }

  /** Makes no further requests. */
  stop(): void {
    this.#stopped = true;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Runs `work` when one of the request slots is free; urgent rows go first. */
  async inTurn<T>(row: MessageRow, work: () => Promise<T>): Promise<T> {
    await this.#slots.acquire(row.queue === 0);
    try {
      return await work();
    } finally {
      this.#slots.release();
    }
  }

  /** Aborts a request before the lease ends. Requests that start together share one: a signal costs as much as a request. */
  signal(): AbortSignal {
    const { clock, lease, longestRequestMs = MAX_REQUEST_MS } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs >= this.#shared.untilMs || this.#shared.signal.aborted) {
      const requestMs = Math.max(1, Math.floor(Math.min(longestRequestMs, lease.leftMs())));
      const signal = AbortSignal.any([AbortSignal.timeout(requestMs), lease.signal]);
      this.#shared = { signal, untilMs: nowMs + Math.min(SHARED_SIGNAL_MS, requestMs - MIN_REQUEST_MS) };
    }
    return this.#shared.signal;
  }

  /** A request showed up in the platform's stream: settles it. */
  async echo(row: MessageRow, remoteId: string): Promise<void> {
    const attempt = JSON.parse(row.attempt ?? '') as Attempt;
    const step = attempt.steps[attempt.next];
    if (!step) return;
    const place = await this.remoteRoomOf(row, attempt);
    const recording = this.confirm(row, attempt, done({ row, attempt, step, place }, remoteId));
    this.flush();
    await recording;
  }

  /** Most echoes are of requests that their response has settled already. */
  isSettled({ uuid, count }: RequestKey): boolean {
    return this.#confirmed.has(`${uuid} ${count}`);
  }

  /** Records what was confirmed, without waiting for more. */
  flush(): void {
    this.#recorder.flush();
  }

  /** Makes the request for the next step of a message. `tries`: earlier requests for it with an unknown outcome. */
  async request(row: MessageRow, attempt: Attempt, tries: number): Promise<RequestOutcome> {
    const { lease, clock, connector, metrics, name, crashPoint: reached } = this.#options;
    const step = attempt.steps[attempt.next];
    if (!step) return { type: 'never', reason: 'its plan has no steps left' };
    if (lease.leftMs() < MIN_REQUEST_MS)
      return { type: 'refused', turn: { waitMs: this.#limits.room(row.room).failed(clock.steady()) } };
    const asked =
      step.type === 'send'
        ? this.#rooms.openRemoteRoom(roomOf(row, attempt), this.signal())
        : this.remoteRoomOf(row, attempt);
    const place = await asked.catch((error: unknown) => ({ error }));
    if (typeof place !== 'string') return this.#notOpened(row, place.error);
    const about = await this.#about(row, attempt, step);
    if (!about) return { type: 'never', reason: 'one of its files has been deleted' };
    const operation = operationOf(step, { ...row, room: place }, about, tries);
    this.#limits.spend(operation);
    try {
      const remoteId = await connector.perform(operation, this.signal());
      reached('delivery.after-send');
      metrics.sends.inc({ connector: name, result: 'ok' });
      this.#limits.succeeded(row.room);
      // Its echo may arrive before it is recorded, and is ignored.
      if (this.#confirmed.size >= MAX_CONFIRMED) this.#confirmed.clear();
      this.#confirmed.add(`${row.id} ${row.sends}`);
      return done({ row, attempt, step, place }, remoteId);
    } catch (error) {
      const result = RESULTS[codeOf(error) ?? ''] ?? 'unknown';
      metrics.sends.inc({ connector: name, result });
      // For a delete, gone is success; an edit of a deleted message is given up.
      if (result === 'gone' && (step.type === 'edit' || step.type === 'delete'))
        return done({ row, attempt, step, place }, step.type === 'edit' ? null : step.target);
      if (result === 'rejected') return { type: 'never', reason: reasonOf(error) };
      return this.#refused(row, operation, error) ?? { type: 'unknown', reason: messageOf(error) };
    }
  }

  /** The platform states that it did nothing, and why; undefined: it does not. */
  #refused(row: MessageRow, operation: Operation | undefined, error: unknown): RequestOutcome | undefined {
    const nowMs = this.#options.clock.steady();
    const { room } = row;
    switch (codeOf(error)) {
      case 'WB_RATE_LIMITED':
        this.#limits.refused(room, operation, error as RateLimited, nowMs);
        break;
      case 'WB_MOVED':
        this.#limits.room(room).pause((error as Moved).retryAfterMs, nowMs);
        break;
      case 'WB_UNREACHABLE':
        this.#limits.account.failed(nowMs);
        break;
      case 'WB_UNAUTHORISED':
        this.#limits.account.failed(nowMs);
        this.#options.onUnauthorised(error);
        break;
      default:
        return undefined;
    }
    const waitMs = this.#limits.waitMs(room, nowMs);
    if (waitMs > 0) return { type: 'refused', turn: { waitMs } };
    const ownMs = operation ? this.#limits.ownWaitMs(operation, nowMs) : 0;
    return { type: 'refused', turn: { waitMs: Math.max(1, ownMs) }, othersMayProceed: true };
  }

  /** The platform's room for a row. */
  remoteRoomOf(row: Pick<MessageRow, 'room'>, attempt?: Attempt): Promise<string> {
    return this.#rooms.remoteRoomOf(roomOf(row, attempt), this.signal());
  }

  /** The conversation could not be opened, so nothing was sent. */
  #notOpened(row: MessageRow, error: unknown): RequestOutcome {
    if (codeOf(error) === 'WB_REJECTED') return { type: 'never', reason: reasonOf(error) };
    const waitMs = (): number => this.#limits.room(row.room).failed(this.#options.clock.steady());
    return this.#refused(row, undefined, error) ?? { type: 'refused', turn: { waitMs: waitMs() } };
  }

  /** What a step needs besides its part. Private messages in a direct conversation are not replies. Undefined: its file is gone. */
  async #about(row: MessageRow, { way, uploads }: Attempt, step: PlannedStep): Promise<Relation | undefined> {
    const { query } = this.#options.database;
    const file = step.type === 'upload' ? step.file : 'part' in step ? step.part.file : undefined;
    const upload = file && uploads?.[file.hash];
    const content = file && upload === undefined ? await readFile(query, file) : undefined;
    if (file && upload === undefined && !content) return undefined;
    if (way && 'direct' in way) return { upload, file: content };
    const root = row.thread_key ? await threadRoot(query, row) : undefined;
    return { replyTo: row.reply_to, thread: row.thread ?? root, to: way?.to, upload, file: content };
  }

  /** Resolves after the commit. False: it was recorded before, by an echo, or the lease is lost. */
  async confirm(row: MessageRow, attempt: Attempt, answer: RequestOutcome & { type: 'done' }): Promise<boolean> {
    const { metrics, name, connector, clock } = this.#options;
    const { step, next, remoteId, place } = answer;
    const last = next.attempt.next >= next.attempt.steps.length;
    const offers =
      connector.capabilities.reactions &&
      !connector.capabilities.buttons &&
      (JSON.parse(attempt.actions) as Message['actions'] & object).some((action) => action.offer !== false);
    const copies = JSON.parse(next.row.copies) as Copy[];
    if (last) await this.shownAgain(row);
    const recorded = await this.#recorder.record(row, {
      copies: last ? newest(copies) : copies,
      attempt: last ? null : next.attempt,
      version: attempt.version,
      ring: attempt.ring,
      offered: withOffer(row.offered, attempt.version, attempt.actions),
      remote: step.type === 'send' && remoteId !== null ? { room: place, id: remoteId } : null,
      members: last ? attempt.members : undefined,
      react: last && offers && attempt.steps.some((one) => one.type === 'send'),
    });
    if (recorded && last)
      metrics.deliveryDuration.observe(
        { connector: name, kind: row.reply_to ? 'reply' : step.type === 'send' ? 'new' : 'edit' },
        Math.max(0, (clock.now().getTime() - (row.not_before ?? row.wanted_at).getTime()) / 1000),
      );
    return recorded;
  }

  /** The room shows the message: runs `onShownAgain` if its failover has a copy. Before it is recorded, so that a crash in between repeats it. */
  async shownAgain(row: MessageRow): Promise<void> {
    if (row.failover_ring === null) return;
    const { database, afterCommit, onShownAgain } = this.#options;
    afterCommit.outboxWritten(await database.transaction((transaction) => onShownAgain(transaction, row)));
  }

  /** Drops a message that cannot be shown to the one account that may see it. */
  async drop(row: MessageRow, reason: string): Promise<void> {
    const { database, lease, log } = this.#options;
    await dropPrivate(database.query, lease, row, reason);
    log.warn({ message: row.id, reason }, 'private reply was dropped');
  }

  /**
   * Turns a message that the platform rejects for good into a dead letter, and runs `onDead`. With a `version`, only if that is
   * still its latest one; otherwise the latest one is tried.
   */
  async dead(row: MessageRow, reason: string, version?: number): Promise<void> {
    if (row.visible_to !== null) return this.drop(row, reason);
    const { database, lease, afterCommit, onDead, log } = this.#options;
    const dead = await database.transaction(async (transaction) => {
      const members = row.digest ? await digestEntries(transaction.query, row.id) : undefined;
      const accepted = await markDead(transaction.query, lease, row, reason, version);
      if (!accepted) return undefined;
      const lost = members
        ? digestMessage(members.filter((member) => member.pending))
        : (JSON.parse(row.content) as Message);
      return { accepted, committed: await onDead(transaction, row, lost, reason) };
    });
    if (!dead) return;
    log.error({ message: row.id, reason }, 'message cannot be delivered and became a dead letter');
    afterCommit.eventsAccepted(dead.accepted);
    afterCommit.outboxWritten(dead.committed);
  }
}

/** The room of a row, or the conversation where it is sent instead. */
function roomOf({ room }: Pick<MessageRow, 'room'>, attempt?: Attempt): string {
  const { way } = attempt ?? {};
  return way && 'direct' in way ? way.direct : room;
}

/** Error codes of connectors → `result` of `watchbell_sends_total`. */
const RESULTS: Readonly<Record<string, string>> = {
  WB_RATE_LIMITED: 'rate_limited',
  WB_GONE: 'gone',
  WB_REJECTED: 'rejected',
  WB_UNAUTHORISED: 'unauthorised',
  WB_UNREACHABLE: 'unreachable',
  WB_MOVED: 'moved',
};

/** A request, with the platform's room where it was made. */
interface MadeRequest extends Planned {
  readonly step: PlannedStep;
  readonly place: string;
}

/** A step was confirmed. `remoteId` null: the message to edit is gone, so the remaining steps are skipped. */
function done({ row, attempt, step, place }: MadeRequest, remoteId: string | null): RequestOutcome & { type: 'done' } {
  const before = JSON.parse(row.copies) as Copy[];
  const copies =
    remoteId === null
      ? before.map((copy, index) => (index === step.copy ? { ...copy, gone: true } : copy))
      : applyStep(before, step, remoteId);
  const next = remoteId === null ? attempt.steps.length : attempt.next + 1;
  const uploads =
    step.type === 'upload' && remoteId !== null ? { ...attempt.uploads, [step.file.hash]: remoteId } : attempt.uploads;
  return {
    ...{ type: 'done', step, remoteId, place },
    next: {
      row: { ...row, copies: JSON.stringify(copies), sends: row.sends + 1 },
      attempt: { ...attempt, next, ...(uploads && { uploads }) },
    },
  };
}

/** Limits how many run at the same time; urgent ones go first. */
class Slots {
  readonly #first: (() => void)[] = [];
  readonly #others: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async acquire(urgent: boolean): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => (urgent ? this.#first : this.#others).push(resolve));
  }

  release(): void {
    const next = this.#first.shift() ?? this.#others.shift();
    if (next) next();
    else this.#free++;
  }
}
