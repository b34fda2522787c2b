import { rerun } from '../db/database.ts';
import { FREEZE_EARLY_MS } from './alarms.ts';
import { beginAttempts, withdrawAttempts, type Planned } from './attempts.ts';
import type { DeliveryOptions } from './delivery.ts';
import { foldRoom, isFoldable } from './digest.ts';
import { takePending, unresolvedIn, type MessageRow } from './message-rows.ts';
import { earlyMsOf } from './not-before.ts';
import type { RateLimits } from './rate-limiter.ts';
import { LOOK_AGAIN_MS, type Decided, type RoomWorker, type Turn, type Unsettled } from './room-worker.ts';

/** Most messages of one room that share a commit. */
const BATCH = 16;
/** Rows read in a room while some bucket is exhausted: rows that wait for it must not hide those behind them. */
const MAX_ROWS_READ = 500;

export interface RoomSchedulerOptions {
  readonly limits: RateLimits;
  /** A room's turn is over. */
  readonly onEnd: (worker: RoomWorker, turn: Turn) => void;
  readonly onError: (error: unknown, what: string) => void;
}

/** The pending rows of a room. `earlyMs`: time until a row that was left out is due. */
interface Waiting {
  readonly rows: readonly MessageRow[];
  readonly earlyMs: number | undefined;
}

/** Runs the turns of many rooms, with one read and one commit for all of them. */
export class RoomScheduler {
  readonly #options: DeliveryOptions & RoomSchedulerOptions;

  constructor(options: DeliveryOptions & RoomSchedulerOptions) {
    this.#options = options;
  }

  /**
   * Runs the turns of rooms, and calls `onEnd` for each; `budget`: requests that each may make. Resolves when everything is
   * decided and stored; with a budget, when everything is sent.
   */
  async work(workers: readonly RoomWorker[], budget = Number.POSITIVE_INFINITY): Promise<void> {
    const { lease, onEnd, limits, clock } = this.#options;
    const limit = Math.min(BATCH, budget);
    const left = new Set(workers);
    const sending: Promise<void>[] = [];
    const finish = (worker: RoomWorker, rest: () => Promise<Turn>): void => {
      left.delete(worker);
      sending.push(this.#finish(worker, rest));
    };
    try {
      if (lease.signal.aborted) return;
      const unsettled = await this.#unsettled(workers);
      for (const [worker, { first }] of unsettled) if (first) finish(worker, () => worker.settle(first, budget));
      for (const worker of left) await this.#fold(worker);
      const decided: [RoomWorker, Decided][] = [];
      const asked = limits.isAnyClosed(clock.steady()) ? MAX_ROWS_READ : limit;
      const freezeEarlyMs = budget === Number.POSITIVE_INFINITY ? FREEZE_EARLY_MS : 0;
      for (const [worker, { rows, earlyMs }] of await this.#waitingIn([...left], asked, freezeEarlyMs)) {
        const one = await worker.decide(rows, { limit, asked, earlyMs }, unsettled.get(worker)?.deferred);
        const { special } = one;
        if (special) finish(worker, () => worker.single(special, (planned) => this.#beginOne(planned), budget));
        else if (one.batch.length === 0) finish(worker, async () => one.after);
        else decided.push([worker, one]);
      }
      const begun = await this.#begin(decided.flatMap(([, { batch }]) => batch));
      for (const [worker, one] of decided) finish(worker, () => this.#deliver(worker, one, begun, budget));
    } finally {
      for (const worker of left) onEnd(worker, 'done');
    }
    if (budget !== Number.POSITIVE_INFINITY) await Promise.all(sending);
  }

  /** The next look retries what failed. */
  async #finish(worker: RoomWorker, rest: () => Promise<Turn>): Promise<void> {
    const { onEnd, onError } = this.#options;
    let turn: Turn = 'done';
    try {
      turn = await rest();
    } catch (error) {
      worker.isSettled = false;
      onError(error, 'delivery to a room ended early');
    }
    onEnd(worker, turn);
  }

  /** Reads unconfirmed requests of rooms where they are not known. */
  async #unsettled(workers: readonly RoomWorker[]): Promise<ReadonlyMap<RoomWorker, Unsettled>> {
    const { database, name } = this.#options;
    const unseen = workers.filter((worker) => !worker.isSettled);
    if (unseen.length === 0) return new Map();
    const rows = await unresolvedIn(
      database.query,
      name,
      unseen.map(({ room }) => room),
    );
    const found = Map.groupBy(rows, ({ room }) => room);
    return new Map(unseen.map((worker) => [worker, worker.unsettled(found.get(worker.room) ?? [])]));
  }

  async #waitingIn(
    workers: readonly RoomWorker[],
    limit: number,
    freezeEarlyMs: number,
  ): Promise<[RoomWorker, Waiting][]> {
    if (workers.length === 0) return [];
    const { database, name, clock } = this.#options;
    const now = clock.now();
    const take = (rooms: readonly string[], until: Date) => takePending(database.query, name, rooms, { until, limit });
    const rooms = workers.map(({ room }) => room);
    const rows = await take(rooms, new Date(now.getTime() + freezeEarlyMs));
    // A row that waits for its time must not hide those behind it.
    const earlyMs = new Map<string, number>();
    for (const [room, there] of rows) {
      const early = there.map((row) => earlyMsOf(row, now)).filter((ms) => ms > 0);
      if (there.length === limit && early.length > 0) earlyMs.set(room, Math.min(...early));
    }
    if (earlyMs.size > 0) for (const [room, due] of await take([...earlyMs.keys()], now)) rows.set(room, due);
    return workers.map((worker) => [worker, { rows: rows.get(worker.room) ?? [], earlyMs: earlyMs.get(worker.room) }]);
  }

  async #begin(planned: readonly Planned[]): Promise<ReadonlySet<string>> {
    if (planned.length === 0) return new Set();
    const { database, lease, crashPoint } = this.#options;
    crashPoint('delivery.before-attempt');
    const begun = await rerun(() => beginAttempts(database.query, lease, planned));
    crashPoint('delivery.after-attempt');
    return begun;
  }

  async #beginOne(planned: Planned): Promise<boolean> {
    return (await this.#begin([planned])).has(planned.row.id);
  }

  /**
   * Sends the batch up to the first row that was not frozen: it changed, is locked, or the lease is lost. Undoes the attempts
   * after it. Whoever changes that row wakes the room.
   */
  async #deliver(
    worker: RoomWorker,
    { batch, after }: Decided,
    begun: ReadonlySet<string>,
    budget: number,
  ): Promise<Turn> {
    const { database, lease } = this.#options;
    const changed = batch.findIndex(({ row }) => !begun.has(row.id));
    const frozen = changed < 0 ? batch : batch.slice(0, changed);
    const behind = batch.slice(frozen.length).flatMap(({ row }) => (begun.has(row.id) ? [row] : []));
    if (behind.length > 0) await withdrawAttempts(database.query, lease, behind);
    const turn = frozen.length > 0 ? await worker.deliver(frozen, budget) : 'done';
    if (changed >= 0) return { waitMs: LOOK_AGAIN_MS };
    return turn === 'done' ? after : turn;
  }

  async #fold({ room }: RoomWorker): Promise<void> {
    const { database, lease, name, crashPoint, clock, limits } = this.#options;
    if (!limits.isThrottled(room, clock.steady()) || !(await isFoldable(database.query, name, room))) return;
    if ((await foldRoom(database, lease, name, room)) > 0) crashPoint('fold.after-commit');
  }
}
