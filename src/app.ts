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
import { NO_LINKS, readLinks, type Links } from './people/linked-accounts.ts';
import { LinksWatch } from './people/links-watch.ts';
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

/** The server ends sessions that are idle in a transaction for longer; less than the lifetime of a lease. */
const IDLE_IN_TRANSACTION_MS = 2500;
const STATEMENT_TIMEOUT_MS = 10_000;
const POOL_SIZE = 12;
/** Leases that a replica with an outdated configuration leaves to others. */
const CURRENT_CONFIG_LEASES: readonly string[] = ['housekeeping', 'cron'];

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
  /** For tests: moves the clock; `crashPoint` is called at each point where a crash matters. */
  readonly shift?: ClockShift;
  readonly crashPoint?: CrashHook;
  /** For tests of platforms that do not respond: no request of a connector takes longer. */
  readonly longestRequestMs?: number | undefined;
  /** For tests: fail queries whose answer does not match their schema. */
  readonly checkAnswers?: boolean;
  /** For tests: how long webhook calls may take that share a transaction. */
  readonly callsTimeoutMs?: number;
}

/** The running program: creates all parts, starts them in order and stops them in reverse order. */
export class App {
  readonly clock: Clock;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly acceptor: Acceptor;
  readonly dispatcher: Dispatcher;
  readonly queries: QueryRunner;
  readonly #options: AppOptions;
  readonly #replica = { id: randomUUID(), name: hostname(), pid: process.pid };
  /** Has two separate connections, so that a burst of work does not cost this replica its leases. */
  readonly #leaseDatabase: Database;
  readonly #followUp: FollowUp;
  readonly #leases: LeaseKeeper;
  readonly #ticker: Ticker;
  readonly #tasks: TaskRunner;
  readonly #notifier: Notifier;
  readonly #changes: Changes;
  readonly #housekeeper: Housekeeper;
  readonly #linksWatch: LinksWatch;
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
      ...(options.callsTimeoutMs !== undefined && { callsTimeoutMs: options.callsTimeoutMs }),
      onLinks: (links) => this.#relink(links),
    });
    this.#changes = new Changes({ database, registry: () => this.#registry });
    this.queries = new QueryRunner({
      ...{ database, clock },
      registry: () => this.#registry,
      isStrict: options.checkAnswers ?? false,
    });
    this.#linksWatch = new LinksWatch({
      ...{ database, log },
      version: () => this.#registry.links.version,
      onLinks: (links) => this.#relink(links),
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
      canHold: (name) => !CURRENT_CONFIG_LEASES.includes(name) || !this.#heartbeat.isOutdated,
      onAcquired: (lease) => this.#held(lease),
    });
    this.#notifier = new Notifier(database, this.#replica.id, (changes) => afterCommit.changedElsewhere(changes));
    this.#incarnation = new Incarnation({
      database,
      log,
      prepare: (onMade) => this.#prepare(onMade),
      expectedTables: () => createdTables(this.#migrations()),
      onReplaced: () => this.#reloadState(),
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
        if (events > 0) log.warn({ events }, 'a replica died; its unhandled events will be handled one by one');
      },
    });
    this.#connections = new Connections({
      ...{ database, clock, crashPoint, metrics, log, secret: options.secret, afterCommit },
      config: () => this.#config,
      registry: () => this.#registry,
      platforms: options.platforms,
      leases: () => this.#leases,
      longestRequestMs: options.longestRequestMs,
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
      } else log.error({}, 'database is unreachable; webhooks get 503 until it is back');
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
   * Listens, connects, migrates and starts all parts. Resolves to false, with everything closed, if aborted while it
   * waited for the database. @throws {StartFailed} naming what is missing and the remedy.
   */
  async start(abort?: AbortSignal): Promise<boolean> {
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
    if (!(await waitForDatabase(log, () => this.#prepare(), abort))) {
      await this.#http.drain({ acceptForMs: 0, boundMs: 1000 });
      this.#webChat.close();
      await this.database.close();
      await this.#leaseDatabase.close();
      return false;
    }
    await this.#incarnation.begin();
    this.#databaseChanged();
    await this.#rebuild();
    await this.#heartbeat.start();
    await this.#notifier.start();
    this.dispatcher.start();
    this.#ticker.start();
    this.#tasks.start();
    this.#housekeeper.start();
    this.#linksWatch.start();
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
        // Since the start of the process.
        afterMs: Math.round(performance.now()),
      },
      'started',
    );
    for (const broken of folders.broken) log.error(broken, 'skill could not be loaded');
    return true;
  }

  /** Applies a new configuration. Connectors whose entry changed are released and started again. */
  async reload(config: Config, generation: number): Promise<void> {
    const [before, registryBefore] = [this.#config, this.#registry];
    this.#registry = this.#build(config, generation, registryBefore.links);
    this.#config = config;
    await Promise.all([this.#connections.disconnectChanged(before), this.#services.stopChanged(registryBefore)]);
    this.#connect();
    await this.#heardSources.update();
    this.#changes.all();
    this.metrics.configReloadOk.set(1);
    this.metrics.configReloadTime.set(this.clock.now().getTime() / 1000);
  }

  /** Stops being ready, releases leases at once, still accepts requests for `acceptForMs`, then drains. */
  async stop({ acceptForMs = 5000 } = {}): Promise<void> {
    this.#draining = true;
    this.#heartbeat.stop();
    this.#leases.want([]);
    const drained = this.#http?.drain({ acceptForMs });
    this.#ticker.stop();
    this.#housekeeper.stop();
    this.#linksWatch.stop();
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

  /** Creates a key that signs in one browser to the web chat, once; it goes after the # of `/sign-in`. */
  createSignIn(): Promise<string> {
    return createSignIn(createSessionStore(this.database.query), this.clock.now());
  }

  /** Posts a notice in the ops rooms, at most once in 10 minutes per `about`. Never fails: if it cannot be stored, it is logged. */
  async notifyOps(about: string, text: string): Promise<void> {
    try {
      const committed = await noticeOps(this.database, this.#registry, {
        about,
        text: escape(text),
        everyMs: 10 * 60_000,
      });
      if (committed) this.#followUp.outboxWritten(committed);
    } catch (error) {
      this.#options.log.warn({ about, reason: messageOf(error) }, 'notice to the ops room could not be stored');
    }
  }

  async #prepare(onMade?: Parameters<typeof migrate>[2]): Promise<void> {
    await assertUsable(this.database);
    await migrate(this.database, this.#migrations(), onMade);
  }

  #migrations(): readonly SkillMigrations[] {
    return this.#options.folders.skills.map((folder) => folder.migrations);
  }

  /** Reloads the state in memory. The leases are gone too, so connectors restart on their own. */
  async #reloadState(): Promise<void> {
    await this.#rebuild();
    await this.#heardSources.update();
    await this.notifyOps(
      'emptied',
      'My database was emptied or replaced, so I started over: alerts, acknowledgements, reminders and history that it does not contain are lost, and numbers continue above the earlier ones. Alertmanager will post active alerts again. To recover the rest, restore a backup: docs/operating.md, Restoring.',
    );
  }

  /** The database decides the generation and the linked accounts. */
  async #rebuild(): Promise<void> {
    const generation = await this.#options.generation(this.database);
    this.#registry = this.#build(this.#config, generation, await readLinks(this.database.query));
  }

  #relink(links: Links): void {
    if (links.version > this.#registry.links.version) this.#registry = this.#registry.withLinks(links);
  }

  #databaseChanged(): void {
    this.#databaseSince = this.clock.now();
    this.metrics.databaseUp.set(this.database.available && this.#incarnation.trouble === undefined ? 1 : 0);
  }

  #build(config: Config, generation: number, links: Links = NO_LINKS): Registry {
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
      links,
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
    this.#leases.want([...CURRENT_CONFIG_LEASES, ...this.#connections.connect(), ...this.#services.leases()]);
  }

  #held(lease: Lease): void {
    this.metrics.leaseHeld.set({ lease: lease.name }, 1);
    lease.signal.addEventListener('abort', () => this.metrics.leaseHeld.set({ lease: lease.name }, 0), { once: true });
    if (lease.name === 'cron') this.#ticker.wakeCrons();
    this.#connections.leaseAcquired(lease);
    this.#services.leaseAcquired(lease);
  }

  /** The web connector, whose rooms the pages show. */
  get #web(): [name: string, options: object] | undefined {
    return Object.entries(this.#config.connectors).find(([, { type }]) => type === 'web');
  }
}
