import type { Message } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connectors/connector.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { Lease } from '../db/lease.ts';
import type { Woken } from '../dispatch/effects.ts';
import type { Accepted } from '../dispatch/event.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { Log } from '../skill.ts';
import type { StepHook } from '../steps.ts';
import { digestMessage, foldRoom } from './digest.ts';
import { Pace } from './pace.ts';
import { applyStep, operationOf, plan, type Attempt, type Copy, type PlannedStep } from './plan.ts';
import {
  beginAttempt,
  dropExpired,
  endReact,
  markDead,
  markShown,
  membersOf,
  messageById,
  nextPending,
  nextReact,
  pendingRooms,
  recordSent,
  threadRoot,
  unresolved,
  withdrawAttempt,
  type MessageRow,
} from './store.ts';

const LOOK_EVERY_MS = 1000;
/** Messages of one room whose commits are shared while many wait. */
const BATCH = 16;
const ROOMS_AT_ONCE = 4;
/** A request shorter than this is not worth beginning; the lease is renewed soon. */
const MIN_REQUEST_MS = 1000;
const MAX_REQUEST_MS = 10_000;
/** About ten minutes with the pauses between them. */
const MAX_UNKNOWN_TRIES = 24;
const MAX_CONFIRMED = 5000;

export interface CourierOptions {
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
  readonly onDead: (transaction: Transaction, row: MessageRow, reason: string) => Promise<Woken>;
  readonly onWoken: (woken: Woken) => void;
  /** The account does not work: pause everything. */
  readonly onUnauthorised: (error: unknown) => void;
  /** The platform is reachable otherwise: an outage makes no dead letters. */
  readonly isUp: () => boolean;
}

type Turn = 'more' | 'empty' | 'wait';

interface Planned {
  readonly row: MessageRow;
  readonly attempt: Attempt;
}

interface Room {
  busy: boolean;
  /** Whether what a former holder left unresolved has been looked for. */
  looked: boolean;
  again: boolean;
  /** Tries of the current key with an unknown outcome. */
  unknownTries: number;
}

/** Makes every room of one connector show what its rows say, as long as this replica holds the connector's lease. */
export class Courier {
  readonly #options: CourierOptions;
  readonly #pace: Pace;
  readonly #rooms = new Map<string, Room>();
  readonly #confirmed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;
  #busy = 0;
  #looking = false;
  #lookAgain = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#pace = new Pace(options.connector.limits.rate);
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(0);
  }

  /** Begins nothing new and resolves when the requests in flight have been recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    while (this.#busy > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Something changed in this room. */
  wake(room: string): void {
    const state = this.#room(room);
    state.again = true;
    const nowMs = this.#options.clock.monotonic();
    if (!this.#pace.isAccountThrottled(nowMs)) this.#startRoom(room);
    else if (this.#looking) this.#lookAgain = true;
    else this.#schedule(this.#pace.accountWaitMs(nowMs));
  }

  /** One of our requests was seen in the platform's stream: settles it, whatever became of its answer. */
  async echo(key: string, remoteId: string): Promise<void> {
    const match = /^([0-9a-f-]{36})\.(\d+)$/.exec(key);
    if (!match?.[1]) return;
    // Most echoes are of what its own answer has settled long ago.
    if (this.#confirmed.has(key)) return;
    const row = await messageById(this.#options.database.query, match[1]);
    if (!row?.attempt || row.sends !== Number(match[2])) return;
    await this.#confirm(row, JSON.parse(row.attempt) as Attempt, remoteId);
    this.wake(row.room);
  }

  #room(room: string): Room {
    let state = this.#rooms.get(room);
    if (!state) {
      state = { busy: false, looked: false, again: false, unknownTries: 0 };
      this.#rooms.set(room, state);
    }
    return state;
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), Math.min(waitMs, LOOK_EVERY_MS));
  }

  /** Looks for work everywhere; while the account is throttled, one request at a time goes to the most urgent room. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    this.#lookAgain = false;
    let waitMs = LOOK_EVERY_MS;
    try {
      const { database, name, clock } = this.#options;
      const rooms = await pendingRooms(database.query, name);
      if (!this.#pace.isAccountThrottled(clock.monotonic())) for (const room of rooms) this.#startRoom(room);
      else waitMs = await this.#throttledRound(rooms);
      if (rooms.length === 0) await this.#offerTaps();
    } catch {
      // the database is away; the next look begins anew
    }
    this.#looking = false;
    this.#schedule(
      this.#lookAgain ? Math.min(waitMs, this.#pace.accountWaitMs(this.#options.clock.monotonic())) : waitMs,
    );
  }

  async #throttledRound(rooms: readonly string[]): Promise<number> {
    const { clock, database, lease, name, step } = this.#options;
    for (const room of rooms) {
      if ((await foldRoom(database, lease, name, room)) > 0) step('fold.after-commit');
    }
    for (const room of rooms) {
      const waitMs = this.#pace.waitMs(room, clock.monotonic());
      if (this.#pace.accountWaitMs(clock.monotonic()) > 0) return Math.max(1, waitMs);
      const state = this.#room(room);
      if (waitMs > 0 || state.busy) continue;
      state.busy = true;
      this.#busy++;
      const done = await this.#turn(room, state)
        .then(() => true)
        .catch(() => false)
        .finally(() => {
          state.busy = false;
          this.#busy--;
        });
      // A room that fails must not keep the others waiting.
      if (done) return 0;
    }
    return LOOK_EVERY_MS;
  }

  #startRoom(room: string): void {
    const state = this.#room(room);
    if (state.busy || this.#stopped || this.#busy >= ROOMS_AT_ONCE) return;
    state.busy = true;
    this.#busy++;
    void this.#workRoom(room, state).finally(() => {
      state.busy = false;
      this.#busy--;
      if (state.again && this.#pace.waitMs(room, this.#options.clock.monotonic()) === 0) this.wake(room);
      else if (this.#busy === ROOMS_AT_ONCE - 1) this.#schedule(0);
    });
  }

  async #workRoom(room: string, state: Room): Promise<void> {
    const { clock, log } = this.#options;
    try {
      for (;;) {
        state.again = false;
        if (this.#stopped || this.#pace.isAccountThrottled(clock.monotonic())) break;
        const waitMs = this.#pace.waitMs(room, clock.monotonic());
        if (waitMs > 0) {
          this.#schedule(waitMs);
          return;
        }
        const turn = await this.#turn(room, state);
        if (turn === 'wait') this.#schedule(this.#pace.waitMs(room, clock.monotonic()));
        if (turn === 'wait' || (turn === 'empty' && !state.again)) return;
      }
      this.#schedule(Math.max(1, this.#pace.waitMs(room, clock.monotonic())));
    } catch (error) {
      log.debug({ room, reason: messageOf(error) }, 'courier turn ended early');
    }
  }

  /** One request at most. */
  async #turn(room: string, state: Room): Promise<Turn> {
    const { database, name, lease, clock } = this.#options;
    if (this.#stopped || lease.signal.aborted) return 'wait';
    if (!state.looked) {
      const left = await unresolved(database.query, name, room);
      if (left?.attempt) {
        state.unknownTries = Math.max(1, state.unknownTries);
        return this.#sendAll([{ row: left, attempt: JSON.parse(left.attempt) as Attempt }], state);
      }
      state.looked = true;
    }
    if (this.#pace.isThrottled(room, clock.monotonic()) && (await foldRoom(database, lease, name, room)) > 0)
      this.#options.step('fold.after-commit');
    const rows = await nextPending(database.query, name, room, BATCH);
    const [next] = rows;
    if (!next) return 'empty';
    const row = next.fold && !next.digest ? ((await messageById(database.query, next.fold)) ?? next) : next;
    if (row.attempt) {
      state.looked = false;
      return 'more';
    }
    if (row.until && row.until < clock.now()) {
      await dropExpired(database.query, lease, row);
      return 'more';
    }
    const attempt = await this.#plan(row);
    // Whatever is wrong with it must not keep what is behind it.
    if ('impossible' in attempt) return this.#dead(row, attempt.impossible);
    if (attempt.steps.length === 0) {
      await markShown(database.query, lease, row, attempt);
      return 'more';
    }
    const batch = await this.#batch(rows, row, attempt);
    this.#options.step('courier.before-attempt');
    const begun = await Promise.all(batch.map((one) => beginAttempt(database.query, lease, one.row, one.attempt)));
    this.#options.step('courier.after-attempt');
    const ready = batch
      .filter((_, index) => begun[index])
      .map((one) => ({ ...one, row: { ...one.row, attempt: 'begun' } }));
    if (ready.length === 0) return lease.signal.aborted ? 'wait' : 'more';
    return this.#sendAll(ready, state);
  }

  /**
   * What can be attempted together: messages of one request each that depend on nothing before them. Their requests still
   * go out one after another; only the commits before and after are shared.
   */
  async #batch(rows: readonly MessageRow[], first: MessageRow, attempt: Attempt): Promise<Planned[]> {
    const batch: Planned[] = [{ row: first, attempt }];
    if (attempt.steps.length > 1 || first !== rows[0]) return batch;
    for (const row of rows.slice(1)) {
      if (row.fold || row.digest || row.attempt || row.thread_key || row.until) break;
      const planned = await this.#plan(row);
      if ('impossible' in planned || planned.steps.length !== 1) break;
      batch.push({ row, attempt: planned });
    }
    return batch;
  }

  async #sendAll(batch: readonly Planned[], state: Room): Promise<Turn> {
    const { database, lease, clock } = this.#options;
    const recording: Promise<unknown>[] = [];
    let turn: Turn = 'more';
    let sent = 0;
    for (const { row, attempt } of batch) {
      // A pace that a former one of this batch has changed counts for the rest.
      if (sent > 0 && (this.#stopped || this.#pace.waitMs(row.room, clock.monotonic()) > 0)) break;
      turn = await this.#send(row, attempt, state, recording);
      sent++;
      if (turn !== 'more' || state.unknownTries > 0) break;
    }
    try {
      await Promise.all(recording);
    } catch (error) {
      state.looked = false;
      throw error;
    }
    this.#options.step('courier.after-record');
    const unsent = batch.slice(sent);
    if (unsent.length > 0) await Promise.all(unsent.map(({ row }) => withdrawAttempt(database.query, lease, row)));
    return turn;
  }

  async #plan(row: MessageRow): Promise<Attempt | { readonly impossible: string }> {
    const { connector, database } = this.#options;
    const members = row.digest ? await membersOf(database.query, row.id) : undefined;
    try {
      return plan({
        version: row.version,
        ringVersion: row.ring_version,
        removed: row.removed,
        message: members ? digestMessage(members) : (JSON.parse(row.content) as Message),
        copies: JSON.parse(row.copies) as Copy[],
        limits: connector.limits,
        render: (message, options) => connector.render(message, options),
        ...(members && { members: members.map(({ id, version, ring_version: ring }) => ({ id, version, ring })) }),
      });
    } catch (error) {
      return {
        impossible:
          codeOf(error) === 'WB_REJECTED'
            ? ((error as { reason?: string }).reason ?? messageOf(error))
            : `it cannot be rendered (${messageOf(error)})`,
      };
    }
  }

  /** One request. What it leads to is recorded while the next one is on its way; `recording` collects that. */
  async #send(row: MessageRow, attempt: Attempt, state: Room, recording: Promise<unknown>[]): Promise<Turn> {
    const { lease, clock, connector, database, metrics, name } = this.#options;
    const planned = attempt.steps[attempt.next];
    if (!planned) return this.#dead(row, 'its plan has no step left');
    const thread = row.thread ?? (row.thread_key ? await threadRoot(database.query, row) : undefined);
    const requestMs = Math.floor(Math.min(MAX_REQUEST_MS, lease.leftMs()));
    if (requestMs < MIN_REQUEST_MS) {
      state.looked = false;
      this.#pace.failed('room', row.room, clock.monotonic());
      return 'wait';
    }
    const operation = operationOf(planned, {
      id: row.id,
      room: row.room,
      sends: row.sends,
      replyTo: row.reply_to ?? undefined,
      thread,
      unknownTries: state.unknownTries,
    });
    this.#pace.spend();
    const signal = AbortSignal.any([AbortSignal.timeout(requestMs), lease.signal]);
    try {
      const remoteId = await connector.perform(operation, signal);
      this.#options.step('courier.after-send');
      metrics.sends.inc({ connector: name, result: 'ok' });
      this.#pace.succeeded(row.room);
      state.unknownTries = 0;
      // Its echo, which may come before it is recorded, has nothing to add.
      this.#settled(row);
      state.looked = attempt.next + 1 >= attempt.steps.length;
      recording.push(
        this.#confirm(row, attempt, remoteId).then((confirmed) => {
          if (!confirmed) state.looked = false;
        }),
      );
      return 'more';
    } catch (error) {
      return this.#failed(row, attempt, planned, state, error);
    }
  }

  #settled(row: MessageRow): void {
    if (this.#confirmed.size >= MAX_CONFIRMED) this.#confirmed.clear();
    this.#confirmed.add(`${row.id}.${row.sends}`);
  }

  async #confirm(row: MessageRow, attempt: Attempt, remoteId: string, gone = false): Promise<boolean> {
    const { database, lease, metrics, name, connector, clock, onAccepted } = this.#options;
    const planned = attempt.steps[attempt.next];
    if (!planned) return false;
    const copies = JSON.parse(row.copies) as Copy[];
    const applied = gone
      ? copies.map((copy, index) => (index === planned.copy ? { ...copy, gone: true } : copy))
      : applyStep(copies, planned, remoteId);
    const last = gone || attempt.next + 1 >= attempt.steps.length;
    const offers =
      connector.limits.actions === 'reactions' &&
      (JSON.parse(attempt.actions) as Message['actions'] & object).some((action) => action.offer !== false);
    const accepted = await recordSent(database.query, lease, row, {
      copies: applied,
      attempt: last ? null : { ...attempt, next: attempt.next + 1 },
      version: attempt.version,
      ring: attempt.ring,
      actions: attempt.actions,
      newRemoteId: planned.type === 'send' && !gone ? remoteId : null,
      members: attempt.members,
      react: last && offers && attempt.steps.some((one) => one.type === 'send'),
    });
    if (!accepted) return false;
    if (last)
      metrics.deliveryDuration.observe(
        { connector: name, kind: row.reply_to ? 'reply' : planned.type === 'send' ? 'new' : 'edit' },
        Math.max(0, (clock.now().getTime() - row.wanted_at.getTime()) / 1000),
      );
    onAccepted(accepted);
    return true;
  }

  async #failed(row: MessageRow, attempt: Attempt, planned: PlannedStep, state: Room, error: unknown): Promise<Turn> {
    const { clock, metrics, name, log, database, lease, onUnauthorised } = this.#options;
    const code = codeOf(error);
    const nowMs = clock.monotonic();
    state.looked = false;
    const count = (result: string): void => metrics.sends.inc({ connector: name, result });
    if (code === 'WB_RATE_LIMITED') {
      count('rate_limited');
      const { scope, retryAfterMs } = error as { scope: 'room' | 'account'; retryAfterMs: number } & Error;
      this.#pace.rateLimited(scope, row.room, retryAfterMs, nowMs);
      // Only the first try of the first step is certain to have left no trace.
      if (state.unknownTries === 0 && attempt.next === 0) await withdrawAttempt(database.query, lease, row);
      return 'wait';
    }
    if (code === 'WB_GONE' && planned.type !== 'send') {
      count('gone');
      // Gone is what a delete wanted; an edit of what somebody deleted is given up.
      await this.#confirm(row, attempt, '', planned.type === 'edit');
      state.unknownTries = 0;
      return 'more';
    }
    if (code === 'WB_REJECTED') {
      count('rejected');
      state.unknownTries = 0;
      return this.#dead(row, (error as { reason?: string }).reason ?? messageOf(error));
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
      return 'wait';
    }
    count('unknown');
    state.unknownTries++;
    if (state.unknownTries >= MAX_UNKNOWN_TRIES && this.#options.isUp()) {
      state.unknownTries = 0;
      return this.#dead(row, 'the server answers, but never says whether it took this one; it may have been shown');
    }
    const waitMs = this.#pace.failed('room', row.room, nowMs);
    log.warn(
      { message: row.id, tries: state.unknownTries, waitMs: Math.round(waitMs), reason: messageOf(error) },
      'send has an unknown outcome and is repeated under the same key',
    );
    return 'wait';
  }

  async #dead(row: MessageRow, reason: string): Promise<Turn> {
    const { database, lease, onAccepted, onDead, onWoken, log } = this.#options;
    const told = await database.transaction(async (transaction) => {
      const accepted = await markDead(transaction.query, lease, row, reason);
      return accepted && { accepted, woken: await onDead(transaction, row, reason) };
    });
    if (!told) return 'more';
    log.error({ message: row.id, reason }, 'message cannot be shown and became a dead letter');
    onAccepted(told.accepted);
    onWoken(told.woken);
    return 'more';
  }

  /** The least urgent thing: adds the emoji to tap. Left out altogether while the account is throttled. */
  async #offerTaps(): Promise<void> {
    const { database, connector, lease, name, clock, log } = this.#options;
    if (connector.limits.actions !== 'reactions') return;
    if (this.#pace.isAccountThrottled(clock.monotonic())) return endReact(database.query, lease, undefined);
    for (let count = 0; count < 5 && !this.#stopped; count++) {
      const row = await nextReact(database.query, name);
      if (!row) return;
      const target = (JSON.parse(row.copies) as Copy[]).at(-1)?.parts[0]?.remoteId;
      const actions = (JSON.parse(row.shown_actions ?? '[]') as NonNullable<Message['actions']>).filter(
        (action) => action.offer !== false,
      );
      try {
        for (const [index, action] of actions.entries()) {
          if (!target) break;
          this.#pace.spend();
          const signal = AbortSignal.any([
            AbortSignal.timeout(Math.max(1, Math.floor(Math.min(MAX_REQUEST_MS, lease.leftMs())))),
            lease.signal,
          ]);
          // The key depends on the target alone, so a repeat after a crash is recognised without a row for it.
          await connector.perform(
            {
              type: 'react',
              key: `${row.id}.t${index}.${(JSON.parse(row.copies) as Copy[]).length}`,
              room: row.room,
              target,
              emoji: action.emoji,
              unknownTries: 0,
            },
            signal,
          );
        }
      } catch (error) {
        if (codeOf(error) === 'WB_RATE_LIMITED')
          this.#pace.rateLimited(
            'account',
            row.room,
            (error as { retryAfterMs?: number } & Error).retryAfterMs ?? 1000,
            clock.monotonic(),
          );
        log.debug({ reason: messageOf(error) }, 'tap not offered');
      }
      await endReact(database.query, lease, [row.id]);
    }
  }
}
