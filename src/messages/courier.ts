import type { Message } from '../chat/message.ts';
import type { Connector } from '../connectors/connector.ts';
import { isRerunError } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import { Delivery, type DeliveryOptions, type Uncertain } from './delivery.ts';
import { digestMessage, foldRoom } from './digest.ts';
import { Pace } from './pace.ts';
import { plan, type Attempt, type Copy, type PlanInput } from './plan.ts';
import {
  beginAttempts,
  dropExpired,
  dueSoon,
  markShown,
  membersOf,
  messageById,
  pendingRooms,
  takePending,
  unresolvedIn,
  withdrawAttempts,
  type MessageRow,
  type Planned,
  type Waiting,
} from './store.ts';
import { offerTaps } from './taps.ts';
import type { Claim, Wanted } from './wanted.ts';

export type CourierOptions = DeliveryOptions;

const LOOK_EVERY_MS = 1000;
/** A look finds what becomes due until well after the next one. */
const DUE_WITHIN_MS = 2500;
/** Messages of one room whose commits are shared while many wait. */
const BATCH = 16;
/** Rooms sent to, or kept for what is due in a moment, at the same time; and looked into with one statement. */
const ROOMS_AT_ONCE = 1000;
const ROOMS_A_TAKE = 250;
/** What is due so soon is frozen already, so that it goes out on time however many others are due then. */
const LEAD_MS = 500;
/** Looks into the database at the same time, each for all rooms that became ready meanwhile. */
const TAKES_AT_ONCE = 2;

interface Room extends Uncertain {
  busy: boolean;
  /** It was woken while it was busy. */
  again: boolean;
  /** Ends its wait for something that is due in a moment. */
  interrupt: (() => void) | undefined;
}

/** Makes every room of one connector show what its rows say, as long as this replica holds the connector's lease. */
export class Courier {
  readonly #options: CourierOptions;
  readonly #pace: Pace;
  readonly #delivery: Delivery;
  readonly #rooms = new Map<string, Room>();
  /** Rooms that have something to send, as far as is known, in the order in which that became known. */
  readonly #ready = new Set<string>();
  /** What becomes due: room and time → its alarm. */
  readonly #alarms = new Map<string, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #lookAtMs = 0;
  #stopped = true;
  #busy = 0;
  #taking = 0;
  #looking = false;
  #lookAgain = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#pace = new Pace(options.connector.limits.rate);
    this.#delivery = new Delivery(options, this.#pace);
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(0);
  }

  /** Begins nothing new and resolves when the requests in flight have been recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#delivery.stop();
    this.#ready.clear();
    clearTimeout(this.#timer);
    for (const alarm of this.#alarms.values()) clearTimeout(alarm);
    this.#alarms.clear();
    for (const state of this.#rooms.values()) state.interrupt?.();
    while (this.#busy > 0 || this.#looking) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Something changed in this room; `notBefore`: it is to be sent then, at the earliest; `urgent`: it goes before bulk. */
  wake(room: string, notBefore: Date | null = null, urgent = false): void {
    const { clock } = this.#options;
    if (notBefore && notBefore.getTime() - LEAD_MS > clock.now().getTime()) return this.#alarm(room, notBefore);
    const state = this.#room(room);
    state.again = true;
    state.urgent ||= urgent;
    state.interrupt?.();
    const nowMs = clock.monotonic();
    if (!this.#pace.isAccountThrottled(nowMs)) this.#enqueue(room, state);
    else if (this.#looking) this.#lookAgain = true;
    else this.#schedule(this.#pace.accountWaitMs(nowMs));
  }

  /** Keeps an idle room for a message that a handler is about to store; undefined: it goes the ordinary way. */
  claim(wanted: Wanted): Claim | undefined {
    const { clock, lease, connector } = this.#options;
    const { room } = wanted;
    const state = this.#room(room);
    const nowMs = clock.monotonic();
    if (this.#stopped || state.busy || state.again || !state.looked || this.#ready.has(room)) return undefined;
    if (lease.signal.aborted || this.#pace.waitMs(room, nowMs) > 0 || this.#pace.isThrottled(room, nowMs))
      return undefined;
    const attempt = planOf(connector, {
      version: 1,
      ringVersion: wanted.ring ? 1 : 0,
      removed: false,
      message: JSON.parse(wanted.content) as Message,
      copies: [],
    });
    if ('impossible' in attempt || attempt.steps.length !== 1) return undefined;
    this.#occupy(state);
    return {
      attempt: JSON.stringify(attempt),
      lease,
      settle: (row) => {
        // Nothing else was waiting when it was stored; what came since has woken the room.
        if (row) return void this.#finish(room, async () => (await this.#deliver([{ row, attempt }])) && state.again);
        // Whether it was stored may not be known.
        state.looked = false;
        this.#free(room, state, true);
      },
    };
  }

  /** One of our requests was seen in the platform's stream: settles it, whatever became of its answer. */
  async echo(key: string, remoteId: string): Promise<void> {
    const match = /^([0-9a-f-]{36})\.(\d+)$/.exec(key);
    if (!match?.[1] || this.#delivery.isSettled(key)) return;
    const row = await messageById(this.#options.database.query, match[1]);
    if (!row?.attempt || row.sends !== Number(match[2])) return;
    await this.#delivery.echo(row, remoteId);
    this.#room(row.room).unknownTries = 0;
    this.wake(row.room);
  }

  #room(room: string): Room {
    let state = this.#rooms.get(room);
    if (!state) {
      state = {
        busy: false,
        looked: false,
        again: false,
        urgent: false,
        interrupt: undefined,
        unknownTries: 0,
      };
      this.#rooms.set(room, state);
    }
    return state;
  }

  #schedule(waitMs: number): void {
    if (this.#stopped) return;
    // The earliest counts: a room that waits for long must not put off the look that finds everything else.
    const atMs = performance.now() + Math.min(waitMs, LOOK_EVERY_MS);
    if (this.#timer && this.#lookAtMs <= atMs) return;
    clearTimeout(this.#timer);
    this.#lookAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#look();
      },
      Math.min(waitMs, LOOK_EVERY_MS),
    );
  }

  #alarm(room: string, due: Date): void {
    const key = `${room}\n${due.getTime()}`;
    const waitMs = Math.max(0, due.getTime() - LEAD_MS - this.#options.clock.now().getTime());
    // What is further away is found by a later look.
    if (this.#stopped || this.#alarms.has(key) || waitMs > DUE_WITHIN_MS) return;
    this.#alarms.set(
      key,
      setTimeout(() => {
        this.#alarms.delete(key);
        this.wake(room, due);
      }, waitMs),
    );
  }

  /** Looks for work everywhere; while the account is throttled, one request at a time goes to the most urgent room. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    this.#lookAgain = false;
    let waitMs = LOOK_EVERY_MS;
    try {
      const { database, name, clock } = this.#options;
      const now = clock.now();
      for (const { room, due } of await dueSoon(database.query, name, now, new Date(now.getTime() + DUE_WITHIN_MS)))
        this.#alarm(room, due);
      const rooms = await pendingRooms(database.query, name, now);
      if (!this.#pace.isAccountThrottled(clock.monotonic()))
        for (const room of rooms) this.#enqueue(room, this.#room(room));
      else waitMs = await this.#throttledRound(rooms);
      if (rooms.length === 0) await this.#offerTaps();
    } catch (error) {
      this.#coped(error, 'courier could not look for work');
    }
    this.#looking = false;
    this.#schedule(
      this.#lookAgain ? Math.min(waitMs, this.#pace.accountWaitMs(this.#options.clock.monotonic())) : waitMs,
    );
  }

  async #throttledRound(rooms: readonly string[]): Promise<number> {
    const { clock } = this.#options;
    for (const room of rooms) if (!this.#stopped) await this.#fold(room);
    for (const room of rooms) {
      if (this.#stopped) return LOOK_EVERY_MS;
      const waitMs = this.#pace.waitMs(room, clock.monotonic());
      if (this.#pace.accountWaitMs(clock.monotonic()) > 0) return Math.max(1, waitMs);
      const state = this.#room(room);
      if (waitMs > 0 || state.busy) continue;
      this.#occupy(state);
      // A room that fails must not keep the others waiting.
      if (await this.#work([room], 1).catch(() => false)) return 0;
    }
    return LOOK_EVERY_MS;
  }

  /** The next look begins anew; a database that is away is told of elsewhere. */
  #coped(error: unknown, what: string): void {
    const { database, log } = this.#options;
    if (database.available) log.warn({ reason: messageOf(error) }, what);
  }

  #occupy(state: Room): void {
    state.busy = true;
    state.again = false;
    state.urgent = false;
    this.#busy++;
  }

  #free(room: string, state: Room, more: boolean): void {
    state.busy = false;
    this.#busy--;
    if (more || state.again) this.#enqueue(room, state);
    if (this.#ready.size > 0) this.#takeSoon();
  }

  #enqueue(room: string, state: Room): void {
    if (this.#stopped || state.busy || this.#mustWait(room)) return;
    this.#ready.add(room);
    this.#takeSoon();
  }

  /** Its pace, or the account's, does not allow a request now; a look comes back to it. */
  #mustWait(room: string): boolean {
    const nowMs = this.#options.clock.monotonic();
    const waitMs = this.#pace.waitMs(room, nowMs);
    if (waitMs === 0 && !this.#pace.isAccountThrottled(nowMs)) return false;
    this.#schedule(Math.max(1, waitMs));
    return true;
  }

  #takeSoon(): void {
    if (this.#taking >= TAKES_AT_ONCE) return;
    this.#taking++;
    // Rooms that are woken by the same commit, or are due in the same millisecond, are looked into together.
    setImmediate(() => void this.#take());
  }

  async #take(): Promise<void> {
    while (!this.#stopped && this.#busy < ROOMS_AT_ONCE && this.#ready.size > 0) {
      const rooms: string[] = [];
      for (const room of [...this.#ready].slice(0, Math.min(ROOMS_A_TAKE, ROOMS_AT_ONCE - this.#busy))) {
        this.#ready.delete(room);
        // What was refused since it became ready counts.
        if (this.#mustWait(room)) continue;
        this.#occupy(this.#room(room));
        rooms.push(room);
      }
      if (rooms.length === 0) continue;
      await this.#work(rooms, BATCH).catch((error: unknown) =>
        this.#coped(error, 'courier could not decide what to send'),
      );
    }
    this.#taking--;
  }

  /**
   * Works on rooms that are occupied for it, and frees each when it is done with it; in each, `limit` messages at most.
   * Resolves when everything is decided and stored; with a limit of one, when it is also sent. False: something failed.
   */
  async #work(rooms: readonly string[], limit: number): Promise<boolean> {
    const left = new Set(rooms);
    const sending: Promise<boolean>[] = [];
    /** Runs what remains to be done for one room, and frees it. */
    const finish = (room: string, rest: () => Promise<boolean>): void => {
      left.delete(room);
      sending.push(this.#finish(room, rest));
    };
    try {
      if (this.#options.lease.signal.aborted) return false;
      for (const row of await this.#unresolved(rooms))
        finish(row.room, () => this.#deliver([{ row, attempt: JSON.parse(row.attempt ?? '') as Attempt }], 'unknown'));
      for (const room of left)
        if (this.#pace.isThrottled(room, this.#options.clock.monotonic())) await this.#fold(room);
      const batches: { room: string; batch: readonly Planned[]; more: boolean }[] = [];
      for (const [room, waiting] of await this.#waitingIn([...left], limit)) {
        const [next] = waiting.rows;
        if (!next) finish(room, async () => false);
        else {
          const batch = await this.#batch(waiting);
          const more = waiting.blocked || batch.length < waiting.rows.length || waiting.rows.length === limit;
          if (batch.length > 0) batches.push({ room, batch, more });
          else finish(room, () => this.#single(next));
        }
      }
      if (batches.length > 0) {
        const begun = await this.#begin(batches.flatMap(({ batch }) => batch));
        for (const { room, batch, more } of batches) {
          const frozen = batch.map(({ row, attempt }) => ({ attempt, row: { ...row, attempt: 'begun' } }));
          const changed = frozen.findIndex(({ row }) => !begun.has(row.id));
          if (changed < 0) finish(room, async () => (await this.#deliver(frozen)) && more);
          // What changed meanwhile is looked at again, and what is behind it does not overtake it.
          else finish(room, () => this.#deliverBefore(frozen, changed, begun));
        }
      }
    } finally {
      for (const room of left) this.#free(room, this.#room(room), false);
    }
    return limit > 1 || (await Promise.all(sending)).every(Boolean);
  }

  /** `rest` says whether there may be more in the room. False: it failed, and is found again by the next look. */
  async #finish(room: string, rest: () => Promise<boolean>): Promise<boolean> {
    let more: boolean | undefined;
    try {
      more = await rest();
    } catch (error) {
      this.#coped(error, 'courier turn ended early');
    }
    this.#free(room, this.#room(room), more ?? false);
    return more !== undefined;
  }

  /** What a former holder, or a request without an answer, left in these rooms. */
  async #unresolved(rooms: readonly string[]): Promise<MessageRow[]> {
    const { database, name } = this.#options;
    const unseen = rooms.filter((room) => !this.#room(room).looked);
    if (unseen.length === 0) return [];
    const rows = await unresolvedIn(database.query, name, unseen);
    const unclear = new Set(rows.map((row) => row.room));
    for (const room of unseen) {
      const state = this.#room(room);
      if (unclear.has(room)) state.unknownTries = Math.max(1, state.unknownTries);
      else state.looked = true;
    }
    return rows;
  }

  #waitingIn(rooms: readonly string[], limit: number): Promise<Map<string, Waiting>> {
    const { database, name, clock } = this.#options;
    return rooms.length === 0
      ? Promise.resolve(new Map())
      : takePending(database.query, name, rooms, new Date(clock.now().getTime() + LEAD_MS), limit);
  }

  /**
   * What can be attempted together: messages of one request each that depend on nothing before them. Their requests still
   * go out one after another; only the commits before and after are shared. Empty: the first needs a turn of its own.
   */
  async #batch({ rows }: Waiting): Promise<Planned[]> {
    const batch: Planned[] = [];
    const now = this.#options.clock.now();
    for (const row of rows) {
      if (row.attempt || row.fold || row.digest || (row.until && row.until < now)) break;
      // What is due in a moment is waited for alone.
      if (batch.length > 0 && (row.thread_key || (row.not_before && row.not_before > now))) break;
      const attempt = await this.#plan(row);
      if ('impossible' in attempt || attempt.steps.length === 0) break;
      if (attempt.steps.length > 1 && batch.length > 0) break;
      batch.push({ row, attempt });
      if (attempt.steps.length > 1 || (row.not_before && row.not_before > now)) break;
    }
    return batch;
  }

  async #begin(planned: readonly Planned[]): Promise<ReadonlySet<string>> {
    const { database, lease, step } = this.#options;
    step('courier.before-attempt');
    for (let rerun = 0; ; rerun++) {
      try {
        const begun = await beginAttempts(database.query, lease, planned);
        step('courier.after-attempt');
        return begun;
      } catch (error) {
        if (!isRerunError(error) || rerun >= 3) throw error;
      }
    }
  }

  /** Sends what stands before one that changed, and takes back what stands behind it. */
  async #deliverBefore(frozen: readonly Planned[], changed: number, begun: ReadonlySet<string>): Promise<boolean> {
    const { database, lease } = this.#options;
    const behind = frozen.slice(changed + 1).flatMap(({ row }) => (begun.has(row.id) ? [row] : []));
    if (behind.length > 0) await withdrawAttempts(database.query, lease, behind);
    // None at all: the lease may have gone, and the next look is early enough.
    return begun.size > 0 && (await this.#deliver(frozen.slice(0, changed)));
  }

  /** Sends what is frozen. True: the room may have more, and its pace allows it. */
  async #deliver(frozen: readonly Planned[], kind: 'fresh' | 'unknown' = 'fresh'): Promise<boolean> {
    const { database, lease, clock } = this.#options;
    const [first] = frozen;
    if (!first) return true;
    const { room } = first.row;
    const state = this.#room(room);
    if (kind === 'fresh' && !(await this.#untilDue(first.row, state))) {
      const rows = frozen.map(({ row }) => row);
      await withdrawAttempts(database.query, lease, rows);
      return true;
    }
    const turn = await this.#delivery.deliver(frozen, state, kind);
    if (turn === 'wait') this.#schedule(this.#pace.waitMs(room, clock.monotonic()));
    return turn === 'more' || state.again;
  }

  /** False: something changed in the room before it was due. */
  async #untilDue(row: MessageRow, state: Room): Promise<boolean> {
    const due = row.not_before?.getTime();
    if (due === undefined) return true;
    // The clock may be put right meanwhile, so one wait may not be enough.
    for (let waited = false; ; waited = true) {
      const waitMs = due - this.#options.clock.now().getTime();
      if ((waited || waitMs > 0) && (state.again || this.#stopped)) return false;
      if (waitMs <= 0) return true;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        state.interrupt = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
      state.interrupt = undefined;
    }
  }

  /** The first message of a room, where it is not simply something to send. True: look into the room again. */
  async #single(next: MessageRow): Promise<boolean> {
    const { database, lease, clock, onAccepted } = this.#options;
    const row = next.fold && !next.digest ? ((await messageById(database.query, next.fold)) ?? next) : next;
    if (row.attempt) {
      this.#room(row.room).looked = false;
      return true;
    }
    if (row.until && row.until < clock.now()) {
      onAccepted(
        await dropExpired(database.query, lease, row, clock.now(), this.#pace.everyMs(row.room, clock.monotonic())),
      );
      return true;
    }
    const attempt = await this.#plan(row);
    // Whatever is wrong with it must not keep what is behind it.
    if ('impossible' in attempt) {
      await this.#delivery.dead(row, attempt.impossible);
      return true;
    }
    if (attempt.steps.length === 0) {
      await markShown(database.query, lease, row, attempt);
      return true;
    }
    const begun = await this.#begin([{ row, attempt }]);
    if (!begun.has(row.id)) return !lease.signal.aborted;
    return this.#deliver([{ row: { ...row, attempt: 'begun' }, attempt }]);
  }

  async #plan(row: MessageRow): Promise<Attempt | { readonly impossible: string }> {
    const { connector, database } = this.#options;
    const members = row.digest ? await membersOf(database.query, row.id) : undefined;
    return planOf(connector, {
      version: row.version,
      ringVersion: row.ring_version,
      removed: row.removed,
      message: members ? digestMessage(members) : (JSON.parse(row.content) as Message),
      copies: JSON.parse(row.copies) as Copy[],
      ...(members && { members: members.map(({ id, version, ring_version: ring }) => ({ id, version, ring })) }),
    });
  }

  async #fold(room: string): Promise<void> {
    const { database, lease, name, step } = this.#options;
    if ((await foldRoom(database, lease, name, room)) > 0) step('fold.after-commit');
  }

  #offerTaps(): Promise<void> {
    const { database, name, connector, lease, clock, log } = this.#options;
    const signal = (): AbortSignal => this.#delivery.signal();
    return offerTaps(
      { query: database.query, name, connector, lease, clock, log, signal },
      this.#pace,
      () => this.#stopped,
    );
  }
}

/** What has to be requested; or why nothing can be. */
function planOf(
  connector: Connector,
  input: Omit<PlanInput, 'limits' | 'render'>,
): Attempt | { readonly impossible: string } {
  try {
    return plan({
      ...input,
      limits: connector.limits,
      render: (message, options) => connector.render(message, options),
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
