import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export interface MetricsOptions {
  readonly version: string;
  /** Also collect memory, CPU, event loop and garbage collection of the process. Default true; tests turn it off. */
  readonly ofProcess?: boolean;
}

/** From milliseconds, for a transaction, to the 5 s limit of a handler. */
const EVENT_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From an idle system to a room that is throttled for minutes. */
const DELIVERY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const LATENESS_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600];

/**
 * Every metric of the core, in a separate registry. Labels come from short closed lists: never a room, person or id.
 * Metrics that skills declare are added later: gauges by the housekeeper, histograms by `declareHistograms`.
 */
export function createMetrics({ version, ofProcess = true }: MetricsOptions) {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter<Label>({ name: `watchbell_${name}`, help, labelNames: [...labelNames], registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name: `watchbell_${name}`, help, labelNames: [...labelNames], registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new Histogram<Label>({ name: `watchbell_${name}`, help, labelNames: [...labelNames], buckets, registers });

  if (ofProcess) collectDefaultMetrics({ register: registry });
  const buildInfo = gauge('build_info', 'Always 1; the version is the label', ['version']);
  buildInfo.set({ version }, 1);

  return {
    registry,
    buildInfo,
    events: counter(
      'events_total',
      'Events handled; source: a connector, webhook, timer, task, cron, emit, fate, cli; result: ok, failed, and for messages also ignored, invalid, denied, cancelled, wrong',
      ['source', 'result'],
    ),
    eventDuration: histogram(
      'event_duration_seconds',
      'Time from acceptance of an event to the commit of its handler',
      EVENT_BUCKETS_SECONDS,
      ['source'],
    ),
    commands: counter(
      'commands_total',
      'Commands sent in rooms; result: ok, invalid, denied, failed, cancelled (it stopped what an earlier one started), wrong (valid, but not possible at that moment); unknown commands are core other',
      ['skill', 'command', 'result'],
    ),
    sends: counter(
      'sends_total',
      'Requests to chat platforms; result: ok, rate_limited, gone, rejected, unauthorised, unreachable, moved (the room is being replaced), unknown (repeated under the same key)',
      ['connector', 'result'],
    ),
    /** `kind`: new, edit, reply. */
    deliveryDuration: histogram(
      'delivery_duration_seconds',
      'Time from the commit of a message, or its scheduled time, until the room shows it; kind: new, edit, reply',
      DELIVERY_BUCKETS_SECONDS,
      ['connector', 'kind'],
    ),
    messagesPending: gauge(
      'messages_pending',
      'Messages whose latest version is not shown yet; reported by one replica',
      ['connector'],
    ),
    oldestPending: gauge(
      'messages_oldest_pending_seconds',
      'How long the oldest of them has been waiting; 0 if none is due; reported by one replica',
      ['connector'],
    ),
    deadLetters: gauge('dead_letters', 'Messages that could not be shown and need attention; reported by one replica', [
      'connector',
    ]),
    connectorUp: gauge(
      'connector_up',
      '1 if the platform is connected; 0 on a replica that lost or handed over the connection, so use the maximum',
      ['connector'],
    ),
    connectorLastEvent: gauge(
      'connector_last_event_timestamp_seconds',
      'When the platform last sent anything; reported by the replica that received it',
      ['connector'],
    ),
    leaseHeld: gauge('lease_held', '1 if this replica holds the lease: housekeeping, or connector:NAME', ['lease']),
    databaseUp: gauge('database_up', '1 if the bot can write to its tables'),
    timerLateness: histogram(
      'timer_lateness_seconds',
      'Time from when a timer was due until it was handled',
      LATENESS_BUCKETS_SECONDS,
    ),
    /** `source`: `alertmanager/prod-eu`; an unknown one is `other`. */
    webhookRequests: counter(
      'webhook_requests_total',
      'Webhook requests by response; source: such as alertmanager/prod-eu, other if it is not configured; code: the status, 499 if the sender hung up',
      ['source', 'code'],
    ),
    webhookLastReceived: gauge(
      'webhook_last_received_timestamp_seconds',
      'When a webhook of this source was last accepted by any replica, to the minute; before the first one: when the source was first configured',
      ['source'],
    ),
    /** Set by one replica, once there has been a backup. */
    lastBackup: gauge(
      'backup_last_success_timestamp_seconds',
      'When watchbell backup last completed a backup; reported by one replica, once there is one',
    ),
    configReloadOk: gauge('config_last_reload_successful', '1 if the configuration in the files is in use'),
    configReloadTime: gauge('config_last_reload_success_timestamp_seconds', 'When a configuration was last loaded'),
    /** Histograms that skills declared, by name. */
    ofSkills: new Map<string, Histogram>(),
  };
}

/** The histograms of a skill. */
interface Measured {
  readonly histograms?: Readonly<Record<string, { readonly help: string; readonly buckets: readonly number[] }>>;
}

/** Creates missing histograms of these skills, at 0. */
export function declareHistograms(metrics: Metrics, skills: Iterable<Measured>): void {
  for (const skill of skills) {
    for (const [name, { help, buckets }] of Object.entries(skill.histograms ?? {})) {
      if (!metrics.ofSkills.has(name))
        metrics.ofSkills.set(name, new Histogram({ name, help, buckets: [...buckets], registers: [metrics.registry] }));
    }
  }
}
