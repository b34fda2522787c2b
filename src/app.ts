import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';
import { createAppPages } from './app-pages.ts';
import { escape } from './chat/message.ts';
import { createClock, type Clock, type ClockShift } from './clock.ts';
import type { Config } from './config/schema.ts';
import { createAccept, type Accept } from './connections/accept-routes.ts';
import { Connections } from './connections/connections.ts';
import { createTaskChat } from './connections/task-chat.ts';
import type { Platform } from './connectors/connector.ts';
import type { SecretRef } from './contract/secret.ts';
import type { CrashHook } from './crash-points.ts';
import { createDatabase, type Database } from './db/database.ts';
import { migrate, createdTables, type SkillMigrations } from './db/migrate.ts';
import { assertUsable } from './db/surroundings.ts';
import { waitForDatabase } from './db/wait-for-database.ts';
import { Changes } from './dispatch/changes.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { QueryRunner } from './dispatch/query-runner.ts';
import { messageOf } from './errors.ts';
import { Acceptor } from './events/acceptor.ts';
import { markSuspects } from './events/suspects.ts';
import { FollowUp } from './follow-up.ts';
import { noticeOps } from './handlers/notice.ts';
import { HeardSources } from './http/heard-sources.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { createWebhookIntake } from './http/webhook-intake.ts';
import type { Logger } from './log.ts';
import { createMetrics, declareHistograms, type Metrics } from './metrics.ts';
import type { PartState } from './part-state.ts';
import { buildRegistry } from './registry/build-registry.ts';
import { initSeries } from './registry/metric-series.ts';
import { knownNames, type Registry } from './registry/registry.ts';
import { Heartbeat } from './replicas/heartbeat.ts';
import { Incarnation } from './replicas/incarnation.ts';
import { LeaseKeeper, type Lease } from './replicas/lease.ts';
import { Notifier } from './replicas/notifier.ts';
import { Housekeeper } from './services/housekeeper.ts';
import { Services } from './services/services.ts';
import { createCoreSkill } from './skills/core.ts';
import type { SkillFolders } from './skills/load.ts';
import { TaskRunner } from './tasks/runner.ts';
import { releaseTasks } from './tasks/task.ts';
import { cronsOf } from './timers/cron-specs.ts';
import { Ticker } from './timers/ticker.ts';
import { createWebChat } from './web/chat-store.ts';
import { createSessionStore } from './web/session-store.ts';
import { createSignIn } from './web/session.ts';

/** Sessions in a transaction for longer are ended by the server; below the lease's time to live. */
const IDLE_IN_TRANSACTION_MS = 2500;
const STATEMENT_TIMEOUT_MS = 10_000;
const POOL_SIZE = 12;
/** Leases that a replica with an older configuration than another's leaves to the others for as long as it stands back. */
const OF_THE_NEWEST: readonly string[] = ['housekeeping', 'cron'];

export interface AppOptions {
  readonly version: string;
  readonly config: Config;
  readonly platforms: readonly Platform[];
  readonly folders: SkillFolders;
  readonly generation: (database: Database) => Promise<number>;
  readonly database: () => Promise<pg.ClientConfig>;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly log: Logger;
  readonly ports: {
    readonly port: number;
    readonly opsPort: number;
    readonly portFixed: boolean;
    readonly opsPortFixed: boolean;
  };
  /** For tests: moves the clock, and is called at each moment where a crash matters. */
  readonly shift?: ClockShift;
  readonly crashPoint?: CrashHook;
  /** For tests: a query whose answer is not what its schema says fails. */
  readonly checkAnswers?: boolean;
}

/** The running program: everything is built here, started in order and stopped in reverse. */
export class App {
  readonly clock: Clock;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly acceptor: Acceptor;
  readonly dispatcher: Dispatcher;
  readonly queries: QueryRunner;
  readonly #options: AppOptions;
  readonly #replica = { id: randomUUID(), name: hostname(), pid: process.pid };
  /** Two connections of their own: a burst of work must not cost this replica its leases. */
  readonly #leaseDatabase: Database;
  readonly #followUp: FollowUp;
  readonly #leases: LeaseKeeper;
  readonly #ticker: Ticker;
  readonly #tasks: TaskRunner;
  readonly #notifier: Notifier;
  readonly #changes: Changes;
  readonly #housekeeper: Housekeeper;
  readonly #heartbeat: Heartbeat;
  readonly #incarnation: Incarnation;
  readonly #heardSources: HeardSources;
  readonly #connections: Connections;
  readonly #services: Services;
  readonly #accept: Accept;
  readonly #webChat: ReturnType<typeof createWebChat>;
  #config: Config;
  #registry: Registry;
  #http: HttpServer | undefined;
  #started = false;
  #draining = false;
  #databaseSince: Date;

  constructor(options: AppOptions) {
    this.#options = options;
    const crashPoint = options.crashPoint ?? (() => {});
    const { log, version } = options;
    this.clock = createClock(options.shift);
    this.#databaseSince = this.clock.now();
    this.metrics = createMetrics({ version });
    this.database = createDatabase({
      url: options.database,
      poolSize: POOL_SIZE,
      idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
    this.#leaseDatabase = createDatabase({
      url: options.database,
      poolSize: 2,
      idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
    this.#config = options.config;
    this.#registry = this.#build(options.config, 0);
    const { clock, database, metrics } = this;
    this.#followUp = new FollowUp(() => ({
      ...{ dispatcher: this.dispatcher, ticker: this.#ticker, tasks: this.#tasks, connections: this.#connections },
      ...{ notifier: this.#notifier, changes: this.#changes, webChat: this.#webChat, metrics },
      webConnector: this.#web?.[0],
    }));
    const afterCommit = this.#followUp;
    const known = (): ReturnType<typeof knownNames> => knownNames(this.#registry);
    this.acceptor = new Acceptor({ database, crashPoint, afterCommit });
    this.dispatcher = new Dispatcher({
      database,
      clock,
      crashPoint,
      metrics,
      log,
      registry: () => (this.#heartbeat.isOutdated || !this.#incarnation.isUsable ? undefined : this.#registry),
      pressure: () => this.acceptor.pressure,
      afterCommit,
    });
    this.#changes = new Changes({ database, registry: () => this.#registry });
    this.queries = new QueryRunner({
      ...{ database, clock },
      registry: () => this.#registry,
      isStrict: options.checkAnswers ?? false,
    });
    this.#ticker = new Ticker({
      database,
      clock,
      crashPoint,
      known: () => known().timers,
      crons: () => cronsOf(this.#registry, Object.keys(this.#config.skills)),
      cronLease: () => this.#leases.held.get('cron'),
      ...{ log, afterCommit },
    });
    this.#tasks = new TaskRunner({
      database,
      clock,
      holder: this.#replica.id,
      crashPoint,
      known: () => known().tasks,
      find: (skill, name) => {
        const loaded = this.#registry.skills.get(skill);
        const task = loaded?.skill.tasks?.[name];
        return loaded && task && { task, options: loaded.options, log: loaded.log, needs: loaded.skill.needs ?? [] };
      },
      secret: options.secret,
      ownUrl: () => `http://127.0.0.1:${this.#http?.port ?? options.ports.port}`,
      chat: (signal) =>
        createTaskChat(
          {
            registry: () => this.#registry,
            running: (name) => this.#connections.running(name),
            create: (name) => this.#connections.create(name),
          },
          signal,
        ),
      people: () => this.#registry.people,
      room: (name) => this.#registry.rooms.byName(name),
      afterCommit,
    });
    this.#leases = new LeaseKeeper({
      database: this.#leaseDatabase,
      holder: this.#replica.id,
      clock,
      crashPoint,
      canHold: (name) => !OF_THE_NEWEST.includes(name) || !this.#heartbeat.isOutdated,
      onAcquired: (lease) => this.#held(lease),
    });
    this.#notifier = new Notifier(database, this.#replica.id, (changes) => afterCommit.changedElsewhere(changes));
    this.#incarnation = new Incarnation({
      database,
      log,
      prepare: (onMade) => this.#prepare(onMade),
      expectedTables: () => createdTables(this.#migrations()),
      onReplaced: () => this.#beginAnew(),
      onChange: () => this.#databaseChanged(),
    });
    this.#heartbeat = new Heartbeat({
      database: this.#leaseDatabase,
      replica: this.#replica,
      clock,
      log,
      incarnation: this.#incarnation,
      generation: () => this.#registry.generation,
      onOthers: (count) => this.#notifier.others(count),
      onDead: async (query, dead) => {
        const events = await markSuspects(query, dead.until);
        await releaseTasks(query, dead.ids);
        this.#changes.all();
        if (events > 0) log.warn({ events }, 'a replica died; the events that were not handled are handled one by one');
      },
    });
    this.#connections = new Connections({
      ...{ database, clock, crashPoint, metrics, log, secret: options.secret, afterCommit },
      config: () => this.#config,
      registry: () => this.#registry,
      platforms: options.platforms,
      leases: () => this.#leases,
    });
    this.#services = new Services({
      ...{ database, clock, crashPoint, secret: options.secret, afterCommit },
      registry: () => this.#registry,
      leases: () => this.#leases,
    });
    this.#accept = createAccept({ database, clock, crashPoint, metrics, afterCommit });
    this.#webChat = createWebChat({
      database,
      now: () => clock.now(),
      rooms: () => this.#registry.rooms,
      connector: () => this.#web?.[0] ?? 'web',
      accept: this.#accept,
    });
    this.#heardSources = new HeardSources({ database, clock, metrics, log, registry: () => this.#registry });
    this.#housekeeper = new Housekeeper({
      database,
      metrics,
      log,
      registry: () => this.#registry,
      ages: () => ({ eventsMs: this.#config.keep.events, historyMs: this.#config.keep.history }),
      isCounting: () => this.#leases.held.has('housekeeping'),
      onOrphansDead: (count) =>
        this.notifyOps(
          'buried',
          `${count} messages are for a connector that is no longer configured. They are kept: watchbell messages dead lists them.`,
        ),
    });
    database.onAvailability((available) => {
      this.#databaseChanged();
      if (available) {
        log.info({}, 'database is back');
        this.#changes.all();
      } else log.error({}, 'database is away; webhooks are answered with 503 until it is back');
    });
  }

  get registry(): Registry {
    return this.#registry;
  }

  get config(): Config {
    return this.#config;
  }

  get port(): number {
    return this.#http?.port ?? 0;
  }

  get opsPort(): number {
    return this.#http?.opsPort ?? 0;
  }

  /**
   * Listens, connects, migrates, begins. Resolves to false, and has let go of everything, when it was given up while it
   * waited for its database. @throws {StartFailed} naming what is missing and the remedy.
   */
  async start(givenUp?: AbortSignal): Promise<boolean> {
    const { log, folders, ports, version } = this.#options;
    const intake = createWebhookIntake({
      registry: () => this.#registry,
      acceptor: this.acceptor,
      heardSources: this.#heardSources,
      database: this.database,
      clock: this.clock,
      secret: this.#options.secret,
      log,
      afterCommit: this.#followUp,
    });
    const health = {
      started: () => this.#started && this.#incarnation.isUsable,
      draining: () => this.#draining,
      parts: () => this.parts(),
    };
    this.#http = await createHttpServer({
      ...ports,
      basePath: this.#config.http.basePath,
      maxBodyBytes: this.#config.http.maxBody,
      intake: {
        ...intake,
        webhook: (name, source) => (this.#started ? intake.webhook(name, source) : 'no such source'),
      },
      routes: { of: (platform, name) => this.#connections.routesOf(platform, name), accept: this.#accept },
      health,
      metrics: this.metrics,
      log,
      pages: createAppPages({
        ...{ version, config: () => this.#config, registry: () => this.#registry, secret: this.#options.secret, log },
        ...{ clock: this.clock, database: this.database, queries: this.queries, changes: this.#changes },
        ...{ crashPoint: this.#options.crashPoint ?? (() => {}), afterCommit: this.#followUp, webChat: this.#webChat },
        web: this.#web,
        isStarted: () => this.#started,
        notifyOps: (about, text) => this.notifyOps(about, text),
      }),
    });
    if (!(await waitForDatabase(log, () => this.#prepare(), givenUp))) {
      await this.#http.drain({ acceptForMs: 0, boundMs: 1000 });
      this.#webChat.close();
      await this.database.close();
      await this.#leaseDatabase.close();
      return false;
    }
    await this.#incarnation.begin();
    this.#databaseChanged();
    this.#registry = this.#build(this.#config, await this.#options.generation(this.database));
    await this.#heartbeat.start();
    await this.#notifier.start();
    this.dispatcher.start();
    this.#ticker.start();
    this.#tasks.start();
    this.#housekeeper.start();
    await this.#heardSources.start();
    this.#connect();
    this.#leases.start();
    this.#started = true;
    log.info(
      {
        version,
        port: this.port,
        opsPort: this.opsPort,
        skills: [...this.#registry.skills.keys()],
        generation: this.#registry.generation,
        // Since the process began.
        afterMs: Math.round(performance.now()),
      },
      'started',
    );
    for (const broken of folders.broken) log.error(broken, 'skill could not be loaded');
    return true;
  }

  /** Takes a new configuration into use, whole. Connectors whose entry changed are handed over and started again. */
  async reload(config: Config, generation: number): Promise<void> {
    const [before, registryBefore] = [this.#config, this.#registry];
    this.#registry = this.#build(config, generation);
    this.#config = config;
    await Promise.all([this.#connections.disconnectChanged(before), this.#services.stopChanged(registryBefore)]);
    this.#connect();
    await this.#heardSources.update();
    this.#changes.all();
    this.metrics.configReloadOk.set(1);
    this.metrics.configReloadTime.set(this.clock.now().getTime() / 1000);
  }

  /** Not ready, leases handed over at once, requests still taken for `acceptForMs`, then drained. */
  async stop({ acceptForMs = 5000 } = {}): Promise<void> {
    this.#draining = true;
    this.#heartbeat.stop();
    this.#leases.want([]);
    const drained = this.#http?.drain({ acceptForMs });
    this.#ticker.stop();
    this.#housekeeper.stop();
    await Promise.all([this.#tasks.stop(), this.#connections.stop(), this.#services.stop()]);
    await this.#leases.stop();
    await drained;
    await this.#heardSources.stop();
    await this.#changes.stop();
    await this.dispatcher.stop();
    await this.#notifier.stop();
    await this.#heartbeat.forget();
    this.#webChat.close();
    await this.database.close();
    await this.#leaseDatabase.close();
  }

  parts(): Record<string, PartState> {
    const { trouble } = this.#incarnation;
    const ok = this.database.available && trouble === undefined;
    const database = { ok, since: this.#databaseSince, ...(trouble !== undefined && { detail: trouble }) };
    return { database, ...this.#connections.parts(), ...this.#services.parts() };
  }

  /** Makes what signs one browser in to the web chat, once: it stands behind the # of `/sign-in`. */
  createSignIn(): Promise<string> {
    return createSignIn(createSessionStore(this.database.query), this.clock.now());
  }

  /** Tells the ops rooms, at most once per 10 minutes for one `about`. Never fails: it is said, or it is in the log. */
  async notifyOps(about: string, text: string): Promise<void> {
    try {
      const committed = await noticeOps(this.database, this.#registry, {
        about,
        text: escape(text),
        everyMs: 10 * 60_000,
      });
      if (committed) this.#followUp.outboxWritten(committed);
    } catch (error) {
      this.#options.log.warn({ about, reason: messageOf(error) }, 'word to the ops room could not be stored');
    }
  }

  async #prepare(onMade?: Parameters<typeof migrate>[2]): Promise<void> {
    await assertUsable(this.database);
    await migrate(this.database, this.#migrations(), onMade);
  }

  #migrations(): readonly SkillMigrations[] {
    return this.#options.folders.skills.map((folder) => folder.migrations);
  }

  /** Leases are gone with the rest, so connectors are given back and begin anew by themselves. */
  async #beginAnew(): Promise<void> {
    this.#registry = this.#build(this.#config, await this.#options.generation(this.database));
    await this.#heardSources.update();
    await this.notifyOps(
      'emptied',
      'My database was emptied or exchanged for another one, so I began anew: what it does not hold of alerts, acknowledgements, reminders and history is gone, and numbers go on above those of before. Alertmanager posts again what still fires. To have the rest back, restore a backup: docs/operating.md, Restoring.',
    );
  }

  #databaseChanged(): void {
    this.#databaseSince = this.clock.now();
    this.metrics.databaseUp.set(this.database.available && this.#incarnation.trouble === undefined ? 1 : 0);
  }

  #build(config: Config, generation: number): Registry {
    const { folders, log, platforms, version } = this.#options;
    const core = createCoreSkill({
      version,
      registry: () => this.#registry,
      parts: () => this.parts(),
      broken: folders.broken,
    });
    const skills = [core, ...folders.skills.map((folder) => folder.skill)];
    const registry = buildRegistry({
      config,
      platforms,
      skills,
      generation,
      skillLog: (skill) => log.child({ skill }),
    });
    declareHistograms(
      this.metrics,
      [...registry.skills.values()].map((loaded) => loaded.skill),
    );
    initSeries(this.metrics, registry);
    return registry;
  }

  #connect(): void {
    this.#leases.want([...OF_THE_NEWEST, ...this.#connections.connect(), ...this.#services.leases()]);
  }

  #held(lease: Lease): void {
    this.metrics.leaseHeld.set({ lease: lease.name }, 1);
    lease.signal.addEventListener('abort', () => this.metrics.leaseHeld.set({ lease: lease.name }, 0), { once: true });
    if (lease.name === 'cron') this.#ticker.wakeCrons();
    this.#connections.leaseAcquired(lease);
    this.#services.leaseAcquired(lease);
  }

  /** The connector whose rooms the pages show. */
  get #web(): [name: string, options: object] | undefined {
    return Object.entries(this.#config.connectors).find(([, { type }]) => type === 'web');
  }
}
