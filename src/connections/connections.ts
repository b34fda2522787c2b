import type { Clock } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import type { Database } from '../db/database.ts';
import type { Lease, LeaseKeeper } from '../replicas/lease.ts';
import type { WokenRoom } from '../replicas/notifier.ts';
import type { Accepted } from '../events/event.ts';
import type { Committed } from '../events/committed.ts';
import type { World } from '../registry/registry.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { PartState } from '../part-state.ts';
import type { StepHook } from '../steps.ts';
import type { Connector, Platform, Route } from '../connectors/connector.ts';
import { platformOf } from '../connectors/platforms.ts';
import { ConnectorRunner } from './connection.ts';
import { createConnectorState } from '../connectors/state.ts';

export interface RunnersOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly step: StepHook;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly config: () => Config;
  readonly world: () => World;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly platforms: readonly Platform[];
  readonly leases: () => LeaseKeeper;
  /** What people said. */
  readonly onHeard: (accepted: readonly Accepted[]) => void;
  readonly onAccepted: (accepted: readonly Accepted[]) => void;
  readonly onCommitted: (committed: Committed) => void;
  /** Rows that pages show have changed. */
  readonly onPage: (connector: string, room: string) => void;
}

const leaseOf = (connector: string): string => `connector:${connector}`;

/** A runner for each connector, which runs while this replica holds its lease. */
export class ConnectorRunners {
  readonly #options: RunnersOptions;
  readonly #runners = new Map<string, ConnectorRunner>();
  /** Never started: they are asked what the platform means by what it posts here. */
  readonly #listening = new Map<string, Promise<Connector>>();

  constructor(options: RunnersOptions) {
    this.#options = options;
  }

  /** A runner for each connector that has none yet. Returns the leases that are wanted for them. */
  connect(): readonly string[] {
    const { config, world, database, clock, step, metrics, log, onHeard, onAccepted, onCommitted } = this.#options;
    for (const name of Object.keys(config().connectors)) {
      if (this.#runners.has(name)) continue;
      const runner = new ConnectorRunner({
        ...{ name, database, clock, step, metrics, world, onHeard, onAccepted, onCommitted },
        log: log.child({ connector: name }),
        create: () => this.create(name),
      });
      this.#runners.set(name, runner);
    }
    return [...this.#runners.keys()].map(leaseOf);
  }

  /** Ends those whose entry changed, or all where the rooms did, and gives back their leases. */
  async disconnectChanged(before: Config): Promise<void> {
    const after = this.#options.config();
    const same = (name: string): boolean =>
      JSON.stringify(before.connectors[name]) === JSON.stringify(after.connectors[name]) &&
      JSON.stringify(before.rooms) === JSON.stringify(after.rooms);
    const end = async (name: string, runner: ConnectorRunner): Promise<void> => {
      await runner.stop();
      await this.#unlisten(name);
      await this.#options.leases().release(leaseOf(name));
      this.#runners.delete(name);
      if (!Object.hasOwn(after.connectors, name)) this.#forgetGauges(name);
    };
    await Promise.all([...this.#runners].flatMap(([name, runner]) => (same(name) ? [] : [end(name, runner)])));
  }

  /** A connector that is configured no more is not down. */
  #forgetGauges(connector: string): void {
    const { connectorUp, connectorLastEvent, leaseHeld } = this.#options.metrics;
    connectorUp.remove({ connector });
    connectorLastEvent.remove({ connector });
    leaseHeld.remove({ lease: leaseOf(connector) });
  }

  /** A lease was won: its connector begins, if it is one's. */
  held(lease: Lease): void {
    this.#runners.get(lease.name.replace(/^connector:/, ''))?.run(lease);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
    await Promise.all([...this.#listening.keys()].map((name) => this.#unlisten(name)));
  }

  /** The HTTP paths of a connector, whichever replica runs it; undefined: none of this type has this name. */
  async routesOf(type: string, name: string): Promise<readonly Route[] | undefined> {
    if (this.#options.config().connectors[name]?.type !== type) return undefined;
    const listening = this.#listening.get(name) ?? this.create(name);
    this.#listening.set(name, listening);
    try {
      return (await listening).routes ?? [];
    } catch (error) {
      this.#listening.delete(name);
      throw error;
    }
  }

  async #unlisten(name: string): Promise<void> {
    const listening = this.#listening.get(name);
    this.#listening.delete(name);
    await listening?.then((connector) => connector.stop()).catch(() => {});
  }

  wake(committed: WokenRoom): void {
    this.#runners.get(committed.connector)?.wake(committed);
  }

  /** Anything may have changed. */
  wakeAll(): void {
    for (const runner of this.#runners.values()) runner.wakeAll();
  }

  /** The connector while it is connected from here. */
  running(name: string): Connector | undefined {
    return this.#runners.get(name)?.connector;
  }

  parts(): Record<string, PartState> {
    const parts: Record<string, PartState> = {};
    for (const [name, runner] of this.#runners) {
      const { up, since, detail } = runner.state;
      const held = this.#options.leases().held.has(leaseOf(name));
      parts[name] = held ? { ok: up, since, detail } : { ok: true, since, detail: 'another replica speaks for it' };
    }
    return parts;
  }

  /** A connector that is not started. @throws when it is not configured any more, or its options are wrong. */
  async create(name: string): Promise<Connector> {
    const { platforms, config, secret, database, log, onPage } = this.#options;
    const options = config().connectors[name];
    if (!options) throw new Error(`the connector "${name}" is no longer configured`);
    return platformOf(options.type, platforms).create(options, {
      name,
      botName: config().name,
      secret,
      state: createConnectorState(database, name),
      log: log.child({ connector: name }),
      pages: { query: database.query, changed: (room) => onPage(name, room) },
    });
  }
}
