import type { Clock } from '../clock.ts';
import type { Database, Query } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Incarnation } from './incarnation.ts';
import {
  removeReplicas,
  findDeadReplicas,
  forgetReplica,
  seeReplica,
  seenBefore,
  type DeadReplicas,
  type Replica,
} from './replicas.ts';

const BEAT_MS = 1000;
const STAND_BACK_MS = 120_000;

export interface HeartbeatOptions {
  readonly database: Database;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears whether the tables are still there. */
  readonly incarnation: Incarnation;
  /** Of the configuration in force here. */
  readonly generation: () => number;
  /** How many other replicas live. */
  readonly onOthers: (count: number) => void;
  /** Replicas died. They are forgotten when this has ended; when it fails it is called again. */
  readonly onDead: (query: Query, dead: DeadReplicas) => Promise<void>;
}

/** Tells the other replicas each second that this one lives and which configuration it has, and hears the same of them. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #burying: Promise<void> | undefined;
  #standBackUntilMs = 0;
  #standingBackFor: number | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Resolves after the first beat; each next one follows the end of the last, so that slow ones do not add up. */
  async start(): Promise<void> {
    await this.#buryPredecessors();
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

  /** The last word: the others need not wait to find this one gone. Never fails. */
  async forget(): Promise<void> {
    const { database, replica } = this.#options;
    await forgetReplica(database.query, replica.id).catch(() => {});
  }

  /** This pod's configuration is older than another's: it accepts, and leaves handling to the others for now. */
  get standsBack(): boolean {
    return this.#options.clock.monotonic() < this.#standBackUntilMs;
  }

  async #beat(): Promise<void> {
    const { database, replica, generation, onOthers, incarnation } = this.#options;
    try {
      const seen = await seeReplica(database.query, { ...replica, generation: generation() }, incarnation.tables);
      onOthers(seen.others);
      this.#standBack(seen.newest);
      await incarnation.found(seen);
      // Beside the beats: among many events it takes longer than a replica may be unseen.
      if (seen.dead && !this.#burying) this.#burying = this.#bury().finally(() => (this.#burying = undefined));
    } catch (error) {
      if (database.available && codeOf(error) !== 'WB_DATABASE_AWAY') await incarnation.failed(error);
    }
  }

  /** A program that dies at its start is started again at once; who came before it must not count as alive for 10 s. */
  async #buryPredecessors(): Promise<void> {
    const { database, replica, log } = this.#options;
    try {
      const before = await seenBefore(database.query, replica, process.uptime());
      await this.#bury(before.filter(({ pid }) => pid !== null && !isAlive(pid)).map(({ id }) => id));
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not look for replicas that died');
    }
  }

  /** Never fails. */
  async #bury(known: readonly string[] = []): Promise<void> {
    const { database, onDead, log } = this.#options;
    try {
      const dead = await findDeadReplicas(database.query, known);
      if (!dead) return;
      await onDead(database.query, dead);
      await removeReplicas(database.query, dead);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'replicas that died are not dealt with yet');
    }
  }

  /** Not for ever: a newer configuration may never come here. */
  #standBack(newest: number): void {
    const { generation, clock } = this.#options;
    if (newest <= generation()) {
      this.#standingBackFor = undefined;
      this.#standBackUntilMs = 0;
    } else if (this.#standingBackFor !== newest) {
      this.#standingBackFor = newest;
      this.#standBackUntilMs = clock.monotonic() + STAND_BACK_MS;
    }
  }
}

/** Whether another process with this number runs here; in a container its predecessor had this one's own number. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
