import type { Clock } from '../clock.ts';
import type { Database, Query } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { webhookSources, type Registry } from '../registry/registry.ts';

const UPDATE_EVERY_MS = 10_000;
/** Maximum age of the time in the database: one write a minute, however much arrives. */
const WRITE_AFTER_MS = 60_000;

export interface HeardSourcesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly registry: () => Registry;
}

/**
 * Tracks when each configured webhook source last posted, to any replica and across restarts,
 * and exports it from every replica. A source that never posted counts from when it was first configured.
 */
export class HeardSources {
  readonly #options: HeardSourcesOptions;
  /** Unix milliseconds of the last request accepted here, by source. */
  readonly #accepted = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeardSourcesOptions) {
    this.#options = options;
  }

  /** Resolves when the gauges are set. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.update(), UPDATE_EVERY_MS);
    await this.update();
  }

  /** Writes the times that only this replica knows. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.update(0);
  }

  /** `source` as in `webhookSources`. Each accepted webhook waits for this, so it only sets a map entry. */
  heard(source: string): void {
    this.#accepted.set(source, this.#options.clock.now().getTime());
  }

  /** Reads the stored times, writes newer ones that differ by more than `writeAfterMs`, and sets the gauges. Never fails. */
  async update(writeAfterMs = WRITE_AFTER_MS): Promise<void> {
    const { database, clock, metrics, log, registry } = this.#options;
    if (!database.available) return;
    try {
      const known = await readHeard(database.query);
      const nowMs = clock.now().getTime();
      const configured = webhookSources(registry());
      for (const source of this.#accepted.keys()) if (!configured.includes(source)) this.#accepted.delete(source);
      const news = new Map<string, number>();
      const latest = new Map<string, number>();
      for (const source of configured) {
        const knownMs = known.get(source);
        const latestMs = Math.max(this.#accepted.get(source) ?? 0, knownMs ?? 0) || nowMs;
        if (knownMs === undefined || latestMs > knownMs + writeAfterMs) news.set(source, latestMs);
        latest.set(source, latestMs);
      }
      if (news.size > 0) await writeHeard(database.query, news);
      metrics.webhookLastReceived.reset();
      for (const [source, ms] of latest) metrics.webhookLastReceived.set({ source }, ms / 1000);
    } catch (error) {
      if (database.available) log.warn({ reason: messageOf(error) }, 'webhook sources could not be read or updated');
    }
  }
}

async function readHeard(query: Query): Promise<Map<string, number>> {
  const rows = await query<{ source: string; heard_at: Date }>('select source, heard_at from webhook_sources');
  return new Map(rows.map(({ source, heard_at }) => [source, heard_at.getTime()]));
}

/** Replicas may write in any order: the latest time wins. */
export async function writeHeard(query: Query, news: ReadonlyMap<string, number>): Promise<void> {
  await query(
    `insert into webhook_sources (source, heard_at) select * from unnest($1::text[], $2::timestamptz[]) order by 1
     on conflict (source) do update set heard_at = greatest(webhook_sources.heard_at, excluded.heard_at)`,
    [[...news.keys()], [...news.values()].map((ms) => new Date(ms))],
  );
}

/** A source that returns later counts from then. */
export async function forgetSources(query: Query, configured: readonly string[]): Promise<void> {
  await query('delete from webhook_sources where source <> all($1)', [configured]);
}
