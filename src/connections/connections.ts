import type { Clock } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import type { Connector, Platform, Route } from '../connectors/connector.ts';
import { platformOf } from '../connectors/platforms.ts';
import { createConnectorState } from '../connectors/state.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { PartState } from '../part-state.ts';
import type { Registry } from '../registry/registry.ts';
import type { Lease, LeaseKeeper } from '../replicas/lease.ts';
import type { ChangedRoom } from '../replicas/notifier.ts';
import { Connection } from './connection.ts';

export interface ConnectionsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly config: () => Config;
  readonly registry: () => Registry;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly platforms: readonly Platform[];
  readonly leases: () => LeaseKeeper;
  /** Told about accepted events and written messages. */
  readonly afterCommit: AfterCommit;
  /** For tests. */
  readonly longestRequestMs?: number | undefined;
}

const leaseOf = (connector: string): string => `connector:${connector}`;

/** One `Connection` for each configured connector, which runs while this replica holds its lease. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #connections = new Map<string, Connection>();
  /** Connectors that are never started: they interpret what a platform posts over HTTP. */
  readonly #listening = new Map<string, Promise<Connector>>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Creates the missing connections. Returns the leases to compete for. */
  connect(): readonly string[] {
    const { config, registry, database, clock, crashPoint, metrics, log, afterCommit, longestRequestMs } =
      this.#options;
    for (const name of Object.keys(config().connectors)) {
      if (this.#connections.has(name)) continue;
      const connection = new Connection({
        ...{ name, database, clock, crashPoint, metrics, registry, afterCommit, longestRequestMs },
        log: log.child({ connector: name }),
        create: () => this.create(name),
      });
      this.#connections.set(name, connection);
    }
    return [...this.#connections.keys()].map(leaseOf);
  }

  /** Stops connections whose configuration changed, or all of them if the rooms did, and releases their leases. */
  async disconnectChanged(before: Config): Promise<void> {
    const after = this.#options.config();
    const same = (name: string): boolean =>
      JSON.stringify(before.connectors[name]) === JSON.stringify(after.connectors[name]) &&
      JSON.stringify(before.rooms) === JSON.stringify(after.rooms);
    const end = async (name: string, connection: Connection): Promise<void> => {
      await connection.stop();
      await this.#unlisten(name);
      await this.#options.leases().release(leaseOf(name));
      this.#connections.delete(name);
      if (!Object.hasOwn(after.connectors, name)) this.#forgetGauges(name);
    };
    await Promise.all(
      [...this.#connections].flatMap(([name, connection]) => (same(name) ? [] : [end(name, connection)])),
    );
  }

  /** A connector that is no longer configured must not show up as down. */
  #forgetGauges(connector: string): void {
    const { connectorUp, connectorLastEvent, leaseHeld } = this.#options.metrics;
    connectorUp.remove({ connector });
    connectorLastEvent.remove({ connector });
    leaseHeld.remove({ lease: leaseOf(connector) });
  }

  /** A lease was acquired: starts its connector, if it is a connector's. */
  leaseAcquired(lease: Lease): void {
    this.#connections.get(lease.name.replace(/^connector:/, ''))?.run(lease);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => connection.stop()));
    await Promise.all([...this.#listening.keys()].map((name) => this.#unlisten(name)));
  }

  /** The HTTP routes of a connector, whichever replica runs it; undefined: no connector of this type has that name. */
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

  wake(committed: ChangedRoom): void {
    this.#connections.get(committed.connector)?.wake(committed);
  }

  /** Looks at all rooms again. */
  wakeAll(): void {
    for (const connection of this.#connections.values()) connection.wakeAll();
  }

  /** The connector, while this replica is connected. */
  running(name: string): Connector | undefined {
    return this.#connections.get(name)?.connector;
  }

  parts(): Record<string, PartState> {
    const parts: Record<string, PartState> = {};
    for (const [name, connection] of this.#connections) {
      const { up, since, detail } = connection.state;
      const held = this.#options.leases().held.has(leaseOf(name));
      parts[name] = held ? { ok: up, since, detail } : { ok: true, since, detail: 'active on another replica' };
    }
    return parts;
  }

  /** Creates a connector without starting it. @throws when it is no longer configured, or its options are invalid. */
  async create(name: string): Promise<Connector> {
    const { platforms, config, secret, database, log, afterCommit, longestRequestMs } = this.#options;
    const options = config().connectors[name];
    if (!options) throw new Error(`the connector "${name}" is no longer configured`);
    return platformOf(options.type, platforms).create(options, {
      name,
      botName: config().name,
      secret,
      state: createConnectorState(database, name),
      log: log.child({ connector: name }),
      longestRequestMs,
      pages: { query: database.query, changed: (room) => afterCommit.pageChanged(name, room) },
    });
  }
}
