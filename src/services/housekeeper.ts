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
/** Often, because a storm fills empty tables within seconds. */
const MEASURE_EVERY_MS = 2000;
const PRUNE_EVERY_MS = 3_600_000;
const FIRST_PRUNE_MS = 60_000;
/** Not at once: another replica may have a newer configuration with the connector. */
const ORPHANED_AFTER_MS = 10 * 60_000;

export interface HousekeeperOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly registry: () => Registry;
  readonly ages: () => PruneAges;
  /** Called when messages became dead letters because their connector was removed. */
  readonly onOrphansDead: (count: number) => Promise<void>;
  /** Whether this replica holds the lease for counting and pruning. */
  readonly isCounting: () => boolean;
}

/** Reads gauges from the database, refreshes its statistics and prunes old rows, on one replica. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #gauges = new Map<string, Gauge>();
  #countTimer: NodeJS.Timeout | undefined;
  #statisticsTimer: NodeJS.Timeout | undefined;
  #pruneTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HousekeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#countTimer = setInterval(() => void this.count(), COUNT_EVERY_MS);
    this.#statisticsTimer = setInterval(() => void this.#measure(), MEASURE_EVERY_MS);
    this.#pruneTimer = setTimeout(() => void this.#prune(), FIRST_PRUNE_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#countTimer);
    clearInterval(this.#statisticsTimer);
    clearTimeout(this.#pruneTimer);
  }

  /** Sets the gauges, or removes them if another replica counts. Never fails. */
  async count(): Promise<void> {
    const { database, metrics, registry, isCounting, log } = this.#options;
    const ours = [metrics.messagesPending, metrics.oldestPending, metrics.deadLetters, ...this.#gauges.values()];
    if (!isCounting() || !database.available) return ours.forEach((gauge) => gauge.reset());
    try {
      const backlogs = new Map((await readBacklog(database.query)).map((one) => [one.connector, one]));
      // A removed connector is listed only while it has a backlog.
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
      await this.#markOrphansDead(database);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not read gauges');
    }
  }

  async #measure(): Promise<void> {
    const { database, isCounting, log } = this.#options;
    if (!isCounting() || !database.available) return;
    try {
      const tables = await refreshStatistics(database.query);
      if (tables.length > 0) log.debug({ tables }, 'refreshed the statistics of tables that have grown');
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not refresh table statistics');
    }
  }

  /** Turns messages for removed connectors into dead letters. */
  async #markOrphansDead(database: Database): Promise<void> {
    const rows = await markOrphansDead(database.query, [...this.#options.registry().connectors], ORPHANED_AFTER_MS);
    if (rows.length > 0) await this.#options.onOrphansDead(rows.length);
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
        if (rows > 0) log.info({ rows }, 'pruned old rows');
      }
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'pruning stopped early; it continues next time');
    }
    if (!this.#stopped) this.#pruneTimer = setTimeout(() => void this.#prune(), PRUNE_EVERY_MS);
  }
}
