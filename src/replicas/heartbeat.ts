import type { Clock } from '../clock.ts';
import type { Database, Query } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Incarnation } from './incarnation.ts';
import {
  removeReplicas,
  findDeadReplicas,
  forgetReplica,
  recordHeartbeat,
  findPredecessors,
  type DeadReplicas,
  type Replica,
} from './replicas.ts';

const BEAT_MS = 1000;
const OUTDATED_MS = 120_000;

export interface HeartbeatOptions {
  readonly database: Database;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Log;
  /** Is told whether the tables still exist. */
  readonly incarnation: Incarnation;
  /** Generation of the current configuration of this replica. */
  readonly generation: () => number;
  /** Gets the number of other live replicas. */
  readonly onOthers: (count: number) => void;
  /** Called when replicas died. They are removed once it resolves; if it fails, it is called again. */
  readonly onDead: (query: Query, dead: DeadReplicas) => Promise<void>;
}

/** Every second, records that this replica is alive and which configuration it has, and reads the same of the others. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #handlingDead: Promise<void> | undefined;
  #outdatedUntilMs = 0;
  #outdatedFor: number | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Resolves after the first beat. Each beat starts after the previous one has ended, so that slow ones do not pile up. */
  async start(): Promise<void> {
    await this.#handleDeadPredecessors();
    await this.#beatAndWait();
  }

  async #beatAndWait(): Promise<void> {
    await this.#beat();
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#beatAndWait(), BEAT_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Removes this replica, so that the others need not wait to notice that it is gone. Never fails. */
  async forget(): Promise<void> {
    const { database, replica } = this.#options;
    await forgetReplica(database.query, replica.id).catch(() => {});
  }

  /** Whether another replica has a newer configuration: then this one accepts events, but leaves handling to the others for now. */
  get isOutdated(): boolean {
    return this.#options.clock.monotonic() < this.#outdatedUntilMs;
  }

  async #beat(): Promise<void> {
    const { database, replica, generation, onOthers, incarnation } = this.#options;
    try {
      const seen = await recordHeartbeat(database.query, { ...replica, generation: generation() }, incarnation.tables);
      onOthers(seen.others);
      this.#updateOutdated(seen.newest);
      await incarnation.check(seen);
      // In parallel with the beats: with many events it takes longer than the heartbeat timeout.
      if (seen.dead && !this.#handlingDead)
        this.#handlingDead = this.#handleDead().finally(() => (this.#handlingDead = undefined));
    } catch (error) {
      if (database.available && codeOf(error) !== 'WB_DATABASE_AWAY') await incarnation.failed(error);
    }
  }

  /** A program that crashes at start is restarted at once; its predecessor must not count as alive for 10 s. */
  async #handleDeadPredecessors(): Promise<void> {
    const { database, replica, log } = this.#options;
    try {
      const before = await findPredecessors(database.query, replica, process.uptime());
      await this.#handleDead(before.filter(({ pid }) => pid !== null && !isAlive(pid)).map(({ id }) => id));
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not check for dead replicas');
    }
  }

  /** Never fails. */
  async #handleDead(known: readonly string[] = []): Promise<void> {
    const { database, onDead, log } = this.#options;
    try {
      const dead = await findDeadReplicas(database.query, known);
      if (!dead) return;
      await onDead(database.query, dead);
      await removeReplicas(database.query, dead);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not clean up after dead replicas; trying again');
    }
  }

  /** Only for a limited time: the newer configuration may never arrive here. */
  #updateOutdated(newest: number): void {
    const { generation, clock } = this.#options;
    if (newest <= generation()) {
      this.#outdatedFor = undefined;
      this.#outdatedUntilMs = 0;
    } else if (this.#outdatedFor !== newest) {
      this.#outdatedFor = newest;
      this.#outdatedUntilMs = clock.monotonic() + OUTDATED_MS;
    }
  }
}

/** Whether another process with this pid runs here; in a container the predecessor had our own pid. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
