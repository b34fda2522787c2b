import { Gauge } from 'prom-client';
import { lastBackup } from '../backup/backup-record.ts';
import type { Database } from '../db/database.ts';
import { prune, type PruneAges } from '../db/prune.ts';
import { refreshStatistics } from '../db/statistics.ts';
import { messageOf } from '../errors.ts';
import { forgetSources } from '../http/heard-sources.ts';
import type { Log } from '../log.ts';
import { readBacklog } from '../messages/backlog.ts';
import { markOrphansDead } from '../messages/dead-letters.ts';
import type { Metrics } from '../metrics.ts';
import { webhookSources, type Registry } from '../registry/registry.ts';

const COUNT_EVERY_MS = 10_000;
/** A storm fills empty tables within seconds. */
const MEASURE_EVERY_MS = 2000;
const PRUNE_EVERY_MS = 3_600_000;
const FIRST_PRUNE_MS = 60_000;
/** Another replica may have a newer configuration that knows the connector. */
const BURY_AFTER_MS = 10 * 60_000;

export interface HousekeeperOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly registry: () => Registry;
  readonly ages: () => PruneAges;
  /** Told of messages that became dead letters because their connector is gone. */
  readonly onBuried: (count: number) => Promise<void>;
  /** Only the replica that holds the lease counts and prunes. */
  readonly isCounting: () => boolean;
}

/** Reads gauges from the database, keeps its statistics fresh and prunes old rows, on one replica. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #gauges = new Map<string, Gauge>();
  #counting: NodeJS.Timeout | undefined;
  #measuring: NodeJS.Timeout | undefined;
  #pruning: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HousekeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#counting = setInterval(() => void this.count(), COUNT_EVERY_MS);
    this.#measuring = setInterval(() => void this.#measure(), MEASURE_EVERY_MS);
    this.#pruning = setTimeout(() => void this.#prune(), FIRST_PRUNE_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#counting);
    clearInterval(this.#measuring);
    clearTimeout(this.#pruning);
  }

  /** Sets the gauges, or takes them away where another replica counts. Never fails. */
  async count(): Promise<void> {
    const { database, metrics, registry, isCounting, log } = this.#options;
    const ours = [metrics.messagesPending, metrics.oldestPending, metrics.deadLetters, ...this.#gauges.values()];
    if (!isCounting() || !database.available) return ours.forEach((gauge) => gauge.reset());
    try {
      const backlogs = new Map((await readBacklog(database.query)).map((one) => [one.connector, one]));
      // A connector that went with a reload stands here only while something of it waits for a person.
      for (const gauge of [metrics.messagesPending, metrics.oldestPending, metrics.deadLetters]) gauge.reset();
      for (const connector of new Set([...registry().connectors, ...backlogs.keys()])) {
        const backlog = backlogs.get(connector);
        metrics.messagesPending.set({ connector }, backlog?.pending ?? 0);
        metrics.oldestPending.set({ connector }, backlog?.oldestSeconds ?? 0);
        metrics.deadLetters.set({ connector }, backlog?.dead ?? 0);
      }
      const backup = await lastBackup(database.query);
      if (backup !== undefined) metrics.lastBackup.set(backup);
      await this.#countSkills();
      await this.#bury(database);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'gauges could not be read');
    }
  }

  async #measure(): Promise<void> {
    const { database, isCounting, log } = this.#options;
    if (!isCounting() || !database.available) return;
    try {
      const tables = await refreshStatistics(database.query);
      if (tables.length > 0) log.debug({ tables }, 'tables have grown: their statistics were read anew');
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'statistics could not be read');
    }
  }

  /** What was meant for a connector that is configured no more will not be shown: it is kept as dead letters. */
  async #bury(database: Database): Promise<void> {
    const rows = await markOrphansDead(database.query, [...this.#options.registry().connectors], BURY_AFTER_MS);
    if (rows.length > 0) await this.#options.onBuried(rows.length);
  }

  async #countSkills(): Promise<void> {
    const { database, metrics, registry } = this.#options;
    const gone = new Map(this.#gauges);
    for (const { skill } of registry().skills.values()) {
      for (const [name, declared] of Object.entries(skill.gauges ?? {})) {
        gone.delete(name);
        let gauge = this.#gauges.get(name);
        if (!gauge) {
          gauge = new Gauge({
            name,
            help: declared.help,
            labelNames: [...declared.labels],
            registers: [metrics.registry],
          });
          this.#gauges.set(name, gauge);
        }
        const values = await declared.read(database.query);
        gauge.reset();
        for (const { labels, value } of values) gauge.set({ ...labels }, value);
      }
    }
    for (const gauge of gone.values()) gauge.reset();
  }

  async #prune(): Promise<void> {
    const { database, ages, isCounting, log } = this.#options;
    try {
      if (isCounting() && database.available) {
        await forgetSources(database.query, webhookSources(this.#options.registry()));
        const rows = await prune(database, ages(), () => this.#stopped);
        if (rows > 0) log.info({ rows }, 'old rows were pruned');
      }
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'pruning stopped early; the next round goes on');
    }
    if (!this.#stopped) this.#pruning = setTimeout(() => void this.#prune(), PRUNE_EVERY_MS);
  }
}
