import type { Clock } from '../clock.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database, Transaction } from '../db/database.ts';

/** Lifetime of a lease without renewal. A peer takes over within this time plus one turn. */
export const LEASE_TTL_MS = 4000;
/** Renewals per lifetime of a lease. */
const RENEWALS = 5;
/** Fraction of the lifetime between the last work of a holder and the earliest start of a successor. */
const SAFETY = 0.1;

/** The right to do something that only one replica may do at a time, held by this replica in `epoch`. */
export interface Lease {
  readonly name: string;
  readonly epoch: number;
  /** Milliseconds that a request may still take; ≤ 0: nothing may be started. Counted from before the last renewal. */
  leftMs(): number;
  /** Aborts when the lease is lost or released. */
  readonly signal: AbortSignal;
}

export interface LeaseKeeperOptions {
  readonly database: Database;
  readonly holder: string;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  /** Default `LEASE_TTL_MS`. */
  readonly ttlMs?: number;
  /** False: this replica leaves it to others for now, and releases it at once; two may work under it for a moment. Default: any. */
  readonly canHold?: (name: string) => boolean;
  /** Called each time a lease is acquired. */
  readonly onAcquired: (lease: Lease) => void;
}

interface Held extends Lease {
  deadline: number;
  readonly controller: AbortController;
}

/**
 * Acquires the wanted leases if they are free, renews the held ones in one statement, and aborts lost ones.
 * Every write under a lease names it in the same transaction: see `fence`.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #ttlMs: number;
  #wanted: readonly string[] = [];
  readonly #held = new Map<string, Held>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? LEASE_TTL_MS;
  }

  /** Sets the leases to acquire; other held ones must be released with `release`. */
  want(names: readonly string[]): void {
    this.#wanted = names;
  }

  get held(): ReadonlyMap<string, Lease> {
    return this.#held;
  }

  start(): void {
    const turn = (): void => {
      if (this.#stopped) return;
      this.#round = this.#turn().finally(() => {
        if (!this.#stopped) this.#timer = setTimeout(turn, this.#ttlMs / RENEWALS);
      });
    };
    turn();
  }

  /**
   * Releases a lease at once, so that another replica need not wait, and does not acquire it until it is wanted again.
   * Work under it must have ended.
   */
  async release(name: string): Promise<void> {
    this.#wanted = this.#wanted.filter((wanted) => wanted !== name);
    const held = this.#held.get(name);
    if (held) await this.#releaseHeld(held);
  }

  async #releaseHeld(held: Held): Promise<void> {
    this.#drop(held);
    await this.#options.database
      .query(`update leases set expires_at = clock_timestamp() where name = $1 and holder = $2 and epoch = $3`, [
        held.name,
        this.#options.holder,
        held.epoch,
      ])
      .catch(() => {}); // it expires anyway
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
    for (const name of this.#held.keys()) await this.release(name);
  }

  async #turn(): Promise<void> {
    const { clock, canHold = () => true } = this.#options;
    try {
      await this.#renew();
      for (const held of this.#held.values()) if (!canHold(held.name)) await this.#releaseHeld(held);
      for (const name of this.#wanted) if (this.#isMissing(name) && canHold(name)) await this.#acquire(name);
    } catch {
      // the database is unreachable: held leases expire at their deadline
    }
    for (const held of this.#held.values()) if (held.deadline - clock.monotonic() <= 0) this.#drop(held);
  }

  /** The wanted names may have changed while others were acquired. */
  #isMissing(name: string): boolean {
    return this.#wanted.includes(name) && !this.#held.has(name);
  }

  async #renew(): Promise<void> {
    const { database, clock, holder } = this.#options;
    const before = clock.monotonic();
    const names = [...this.#held.keys()];
    const rows = await database.query<{ name: string | null; epoch: number | null; now: Date }>(
      `with renewed as (
         update leases set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
         where name = any($1) and holder = $2 and expires_at > clock_timestamp() returning name, epoch)
       select renewed.name, renewed.epoch, clock_timestamp() as now from (values (1)) one left join renewed on true`,
      [names, holder, this.#ttlMs],
    );
    const after = clock.monotonic();
    if (rows[0]) clock.measured(rows[0].now, before, after);
    for (const held of this.#held.values()) {
      if (!names.includes(held.name)) continue;
      if (rows.some((row) => row.name === held.name && row.epoch === held.epoch))
        held.deadline = this.#deadline(before);
      else this.#drop(held);
    }
  }

  async #acquire(name: string): Promise<void> {
    const { database, clock, holder, crashPoint, onAcquired } = this.#options;
    const before = clock.monotonic();
    const epoch = await database.transaction(async ({ query }) => {
      await query(
        // From the clock: an epoch from before the table was emptied must not recur.
        `insert into leases (name, holder, epoch, expires_at) values ($1, $2, extract(epoch from clock_timestamp())::bigint, '-infinity') on conflict do nothing`,
        [name, holder],
      );
      // Waits for every transaction fenced by this lease; a stopped holder's is ended by idle_in_transaction_session_timeout.
      const [free] = await query<{ epoch: number }>(
        'select epoch from leases where name = $1 and expires_at < clock_timestamp() for update skip locked',
        [name],
      );
      if (!free) return undefined;
      await query(
        `update leases set holder = $2, epoch = $3, expires_at = clock_timestamp() + $4 * interval '1 millisecond' where name = $1`,
        [name, holder, free.epoch + 1, this.#ttlMs],
      );
      return free.epoch + 1;
    });
    if (epoch === undefined) return;
    const controller = new AbortController();
    const held: Held = {
      name,
      epoch,
      controller,
      signal: controller.signal,
      deadline: this.#deadline(before),
      leftMs: () => (controller.signal.aborted ? 0 : held.deadline - clock.monotonic()),
    };
    this.#held.set(name, held);
    crashPoint('lease.after-acquire');
    if (this.#wanted.includes(name)) onAcquired(held);
    else await this.release(name);
  }

  /** Deadline of a lease that was acquired or renewed by a statement started at `beforeMs`. */
  #deadline(beforeMs: number): number {
    return beforeMs + this.#ttlMs * (1 - SAFETY);
  }

  #drop(held: Held): void {
    this.#held.delete(held.name);
    held.controller.abort();
  }
}

/** Thrown when a write under a lease finds that it has a new holder. */
export class LeaseLost extends Error {
  readonly code = 'WB_LEASE_LOST';
}

/**
 * The first statement of a holder's transaction: keeps the lease from being taken over until it ends.
 * @throws {LeaseLost} when this epoch no longer holds it.
 */
export async function fence(transaction: Transaction, lease: Lease): Promise<void> {
  const rows = await transaction.query('select 1 from leases where name = $1 and epoch = $2 for key share', [
    lease.name,
    lease.epoch,
  ]);
  if (rows.length === 0) throw new LeaseLost(`the lease ${lease.name} is held elsewhere`);
}
