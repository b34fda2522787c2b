import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export interface MetricsOptions {
  readonly version: string;
  /** Also the memory, CPU, event loop and garbage collection of the process. Default true; tests leave it out. */
  readonly ofProcess?: boolean;
}

/** Milliseconds to seconds: what a transaction takes, up to a handler's 5 s. */
const EVENT_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From idle to a room throttled for minutes. */
const DELIVERY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const LATENESS_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600];

/**
 * Every metric of the core, in a registry of its own. Labels come from short closed lists: never a room, person or id.
 * What skills declare is added by the program: gauges by the housekeeper, histograms by `declareHistograms`.
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
      'Events handled; source: a connector, webhook, timer, task, cron, emit, fate, cli; result: ok, failed, of what people say also ignored, invalid, denied, cancelled, wrong',
      ['source', 'result'],
    ),
    eventDuration: histogram(
      'event_duration_seconds',
      'From acceptance of an event to the commit of its handler',
      EVENT_BUCKETS_SECONDS,
      ['source'],
    ),
    commands: counter(
      'commands_total',
      'Commands said in rooms; result: ok, invalid, denied, failed, cancelled (it ended what an earlier one began), wrong (valid, at the wrong moment); what is no command is core other',
      ['skill', 'command', 'result'],
    ),
    sends: counter(
      'sends_total',
      'Requests to chat platforms; result: ok, rate_limited, gone, rejected, unauthorised, unreachable, moved (the room is becoming another one), unknown (repeated under the same key)',
      ['connector', 'result'],
    ),
    /** `kind`: new, edit, reply. */
    deliveryDuration: histogram(
      'delivery_duration_seconds',
      'From the commit of a message, or its own time, to when the room shows it; kind: new, edit, reply',
      DELIVERY_BUCKETS_SECONDS,
      ['connector', 'kind'],
    ),
    messagesPending: gauge(
      'messages_pending',
      'Messages that a room does not show as wanted yet; told by one replica',
      ['connector'],
    ),
    oldestPending: gauge(
      'messages_oldest_pending_seconds',
      'How long the oldest of them waits; 0 while none is due; told by one replica',
      ['connector'],
    ),
    deadLetters: gauge('dead_letters', 'Messages that could not be shown and wait for a person; told by one replica', [
      'connector',
    ]),
    connectorUp: gauge(
      'connector_up',
      '1 while the platform is connected; 0 on the replica that failed or gave it away, so look at the maximum',
      ['connector'],
    ),
    connectorLastEvent: gauge(
      'connector_last_event_timestamp_seconds',
      'When the platform last sent anything, told by the replica that heard it',
      ['connector'],
    ),
    leaseHeld: gauge('lease_held', '1 while this replica holds the lease: housekeeping, or connector:NAME', ['lease']),
    databaseUp: gauge('database_up', '1 while the bot can write in its tables'),
    timerLateness: histogram(
      'timer_lateness_seconds',
      'From when a timer was due to when it was handled',
      LATENESS_BUCKETS_SECONDS,
    ),
    /** `source`: `alertmanager/prod-eu`; an unknown one is `other`. */
    webhookRequests: counter(
      'webhook_requests_total',
      'Webhook requests by answer; source: alertmanager/prod-eu; code: the status, 499 when the sender went away; an address nobody configured is other',
      ['source', 'code'],
    ),
    webhookLastReceived: gauge(
      'webhook_last_received_timestamp_seconds',
      'When a webhook of this source was last accepted, by whichever replica, to a minute; before the first: when it was first configured',
      ['source'],
    ),
    /** Set by one replica, once there has been a backup. */
    lastBackup: gauge(
      'backup_last_success_timestamp_seconds',
      'When watchbell backup last wrote a whole backup; told by one replica, once there is one',
    ),
    configReloadOk: gauge('config_last_reload_successful', '1 when the configuration in use is the one in the files'),
    configReloadTime: gauge(
      'config_last_reload_success_timestamp_seconds',
      'When a configuration was last taken into use',
    ),
    /** Histograms that skills declared, by name. */
    ofSkills: new Map<string, Histogram>(),
  };
}

/** A skill, as far as histograms go. */
interface Measured {
  readonly histograms?: Readonly<Record<string, { readonly help: string; readonly buckets: readonly number[] }>>;
}

/** Makes the histograms of these skills, at 0, where they are not there yet. */
export function declareHistograms(metrics: Metrics, skills: Iterable<Measured>): void {
  for (const skill of skills) {
    for (const [name, { help, buckets }] of Object.entries(skill.histograms ?? {})) {
      if (!metrics.ofSkills.has(name))
        metrics.ofSkills.set(name, new Histogram({ name, help, buckets: [...buckets], registers: [metrics.registry] }));
    }
  }
}
