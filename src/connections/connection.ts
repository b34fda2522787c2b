import { escape, type Message } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Connector, ConnectorHost, IncomingEvent } from '../connectors/connector.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database, Transaction } from '../db/database.ts';
import { codeOf, messageOf, reasonOf, sentenceOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Committed } from '../events/committed.ts';
import { insertBatch, readCursor, type Accepted, type NewEvent } from '../events/event.ts';
import { claimNotice, recordError, shortId } from '../handlers/failure.ts';
import { coreMessage, noticeOps, opsAddresses, postToOps, type OpsNotice } from '../handlers/notice.ts';
import { Outbox } from '../handlers/outbox.ts';
import type { Log } from '../log.ts';
import { DeliveryWorker } from '../messages/delivery-worker.ts';
import type { MessageRow } from '../messages/message-rows.ts';
import { storeRoomAddress } from '../messages/room-addresses.ts';
import type { Metrics } from '../metrics.ts';
import type { Registry } from '../registry/registry.ts';
import { LeaseLost, type Lease } from '../replicas/lease.ts';
import type { ChangedRoom } from '../replicas/notifier.ts';
import { rowOf } from './accept-routes.ts';
import { followInFailover, placeName, postInFailover, postWaitingInFailover } from './failover.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** Retrying more often does not fix a rejected token. */
const UNAUTHORISED_PAUSE_MS = 30_000;
const NOTICE_EVERY_MS = 10 * 60_000;
/** While the token is rejected. */
const LOOK_EVERY_MS = 1000;
/** The next start must be rejected too: while tokens are rotated, one is rejected for a moment. */
const TOKEN_GRACE_MS = UNAUTHORISED_PAUSE_MS;

export interface ConnectorState {
  readonly up: boolean;
  readonly since: Date;
  readonly detail: string | undefined;
  readonly lastEventAt: Date | undefined;
}

export interface ConnectionOptions {
  readonly name: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly registry: () => Registry;
  /** Creates a new connector for each start, so that no state of an earlier connection is reused. */
  readonly create: () => Promise<Connector>;
  /** Told about accepted events and written messages. */
  readonly afterCommit: AfterCommit;
  /** For tests. */
  readonly longestRequestMs?: number | undefined;
}

/** Runs one connector while this replica holds its lease: starts it, restarts it, and stores its events. */
export class Connection {
  readonly #options: ConnectionOptions;
  #state: ConnectorState;
  #deliveryWorker: DeliveryWorker | undefined;
  #connector: Connector | undefined;
  #running: Promise<void> = Promise.resolve();
  #stop = new AbortController();
  /** By `clock.steady()`; undefined: its token was not rejected the last time. */
  #unauthorisedSinceMs: number | undefined;
  /** The room as configured → the platform's id, and back. */
  readonly #idOf = new Map<string, string>();
  readonly #configuredNameOf = new Map<string, string>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#state = { up: false, since: options.clock.now(), detail: 'not started', lastEventAt: undefined };
  }

  get state(): ConnectorState {
    return this.#state;
  }

  /** The connector while it is connected. */
  get connector(): Connector | undefined {
    return this.#connector;
  }

  /** Starts under a newly acquired lease; ends when the lease is lost. */
  run(lease: Lease): void {
    this.#stop = new AbortController();
    const signal = AbortSignal.any([lease.signal, this.#stop.signal]);
    this.#running = this.#running.then(() => this.#loop(lease, signal));
  }

  /** Resolves when requests in flight are recorded and nothing is running; then the lease may be released. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  wake({ room, notBefore, queue }: ChangedRoom): void {
    this.#deliveryWorker?.wake(room, notBefore, queue === 0);
  }

  /** Looks at all rooms again. */
  wakeAll(): void {
    this.#deliveryWorker?.wakeAll();
  }

  async #loop(lease: Lease, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      const begun = this.#options.clock.steady();
      const error = await this.#once(lease, signal);
      if (signal.aborted) break;
      if (this.#options.clock.steady() - begun > 60_000) failures = 0;
      const unauthorised = codeOf(error) === 'WB_UNAUTHORISED';
      const pauseMs = unauthorised
        ? UNAUTHORISED_PAUSE_MS
        : Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS);
      this.#setState(false, messageOf(error));
      log.warn({ pauseMs, reason: messageOf(error) }, 'connector is down and will be restarted');
      if (unauthorised)
        await this.#notice({
          about: `unauthorised:${lease.name}`,
          text: `${escape(this.#options.name)}: ${escape(sentenceOf(error))} Messages are kept until it works again. Run \`watchbell doctor\` for details.`,
          except: { connector: this.#options.name },
        });
      if (unauthorised) await this.#pauseUnauthorised(lease, reasonOf(error), pauseMs, signal);
      else await this.#options.clock.pause(pauseMs, signal);
    }
    this.#setState(false, 'handed over');
  }

  /** Until the token works, which takes a person, the failover rooms on other platforms get what waits. */
  async #pauseUnauthorised(lease: Lease, reason: string, pauseMs: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#unauthorisedSinceMs ??= clock.steady();
    const untilMs = clock.steady() + pauseMs;
    while (!signal.aborted && clock.steady() < untilMs) {
      await clock.pause(LOOK_EVERY_MS, signal);
      if (signal.aborted || clock.steady() >= untilMs) return;
      if (clock.steady() - this.#unauthorisedSinceMs >= TOKEN_GRACE_MS)
        await postWaitingInFailover(this.#options, lease, reason).catch((error: unknown) =>
          log.warn({ reason: messageOf(error) }, 'could not post waiting messages in failover rooms'),
        );
    }
  }

  /** Runs one connector until it ends; resolves to the reason. */
  async #once(lease: Lease, signal: AbortSignal): Promise<unknown> {
    const { database, name, crashPoint, metrics, clock, log, afterCommit, longestRequestMs, create } = this.#options;
    let ended: (reason: unknown) => void = () => {};
    const end = new Promise<unknown>((resolve) => (ended = resolve));
    signal.addEventListener('abort', () => ended(undefined), { once: true });
    let connector: Connector | undefined;
    let deliveryWorker: DeliveryWorker | undefined;
    try {
      connector = await create();
      const cursor = await readCursor(database.query, name);
      deliveryWorker = new DeliveryWorker({
        database,
        name,
        connector,
        lease,
        clock,
        crashPoint,
        metrics,
        log,
        afterCommit,
        longestRequestMs,
        onDead: (transaction, row, message, reason) => this.#dead(transaction, row, message, reason),
        onShownAgain: (transaction, row) => this.#shownAgain(transaction, row),
        onUnauthorised: ended,
        isUp: () => this.#state.up,
      });
      const host = this.#host(lease, cursor, deliveryWorker, ended);
      await Promise.race([connector.start(host), end]);
      if (!signal.aborted) {
        this.#deliveryWorker = deliveryWorker;
        this.#connector = connector;
        this.#unauthorisedSinceMs = undefined;
        deliveryWorker.start();
      }
      return await end;
    } catch (error) {
      return error;
    } finally {
      this.#deliveryWorker = undefined;
      this.#connector = undefined;
      await deliveryWorker?.stop();
      await connector
        ?.stop()
        .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'connector did not stop cleanly'));
    }
  }

  #host(
    lease: Lease,
    cursor: { cursor: string; stored_at: Date } | undefined,
    deliveryWorker: DeliveryWorker,
    failed: (reason: unknown) => void,
  ): ConnectorHost {
    const { clock, log } = this.#options;
    let cursorAt = cursor?.stored_at ?? null;
    return {
      cursor: cursor?.cursor ?? null,
      cursorAt,
      receive: async (events, next) => {
        await this.#receive(lease, events, next, cursorAt);
        cursorAt = clock.now();
      },
      echo: (key, remoteId) => deliveryWorker.echo(key, remoteId),
      membership: async (room, state, detail) => {
        if (!this.#isFormer(room)) await this.#membership(this.#configuredName(room), state, detail);
      },
      isConfigured: (room) => !this.#isFormer(room) && this.#rooms().includes(this.#configuredName(room)),
      rooms: () => this.#rooms(),
      resolved: (configuredName, room) => this.#resolved(lease, deliveryWorker, configuredName, room),
      state: (up, detail) => this.#setState(up, detail),
      failed,
      now: () => clock.now(),
      log,
    };
  }

  async #resolved(lease: Lease, deliveryWorker: DeliveryWorker, configuredName: string, room: string): Promise<void> {
    const { database, name, log } = this.#options;
    const before = this.#idOf.get(configuredName);
    if (before === room) return;
    await deliveryWorker.whileIdle(configuredName, async () => {
      const moved = await storeRoomAddress(database.query, lease, { connector: name, configuredName, room });
      if (moved) log.info({ room: configuredName, id: room }, 'room address now leads to another room');
    });
    // Messages in the former room no longer belong to this one.
    if (before !== undefined && this.#configuredNameOf.get(before) === configuredName)
      this.#configuredNameOf.delete(before);
    this.#idOf.set(configuredName, room);
    this.#configuredNameOf.set(room, configuredName);
  }

  #rooms(): readonly string[] {
    return this.#options
      .registry()
      .rooms.all()
      .flatMap((room) =>
        room.addresses.filter((address) => address.connector === this.#options.name).map((address) => address.room),
      );
  }

  #configuredName(room: string): string {
    return this.#configuredNameOf.get(room) ?? room;
  }

  /** The room was replaced by another one: messages in it must not count as messages in its successor. */
  #isFormer(room: string): boolean {
    const now = this.#idOf.get(room);
    return now !== undefined && now !== room && !this.#configuredNameOf.has(room);
  }

  async #receive(
    lease: Lease,
    events: readonly IncomingEvent[],
    cursor: string | null,
    cursorAt: Date | null,
  ): Promise<void> {
    const { name, crashPoint, clock, registry, metrics, afterCommit } = this.#options;
    const now = clock.now();
    const maxAgeMs = registry().backlogMaxAgeMs;
    const relevant = events.filter((event) => !this.#isFormer(event.room));
    const rows = relevant.map((event): NewEvent => {
      const row = rowOf(name, event, now, this.#configuredName(event.room));
      // Late only if both agree: the event's timestamp may be wrong, and in a quiet room the cursor is old.
      const ageMs = Math.min(
        now.getTime() - row.happenedAt.getTime(),
        cursorAt ? now.getTime() - cursorAt.getTime() : 0,
      );
      return { ...row, lateMs: ageMs > maxAgeMs ? Math.round(ageMs) : 0 };
    });
    crashPoint('receive.before-commit');
    const accepted = await this.#store(lease, rows, cursor);
    crashPoint('receive.after-commit');
    if (events.length > 0) {
      this.#state = { ...this.#state, lastEventAt: now };
      metrics.connectorLastEvent.set({ connector: name }, now.getTime() / 1000);
    }
    afterCommit.urgentAccepted(accepted);
  }

  /** An event that Postgres rejects must not block the others, nor be received again forever. */
  async #store(lease: Lease, rows: readonly NewEvent[], cursor: string | null): Promise<Accepted[]> {
    const { database, name, clock, log } = this.#options;
    const store = async (some: readonly NewEvent[], next: string | null): Promise<Accepted[]> => {
      const accepted = await insertBatch(database.query, some, {
        connector: name,
        epoch: lease.epoch,
        lease: lease.name,
        cursor: next,
      });
      if (!accepted) throw new LeaseLost(`another replica holds the lease ${lease.name}`);
      return accepted;
    };
    try {
      return await store(rows, cursor);
    } catch (error) {
      if (codeOf(error)?.startsWith('22') !== true) throw error;
    }
    const accepted: Accepted[] = [];
    for (const row of rows) {
      try {
        accepted.push(...(await store([row], null)));
      } catch (error) {
        if (codeOf(error)?.startsWith('22') !== true) throw error;
        const errorId = await recordError(database.query, {
          kind: 'general',
          skill: undefined,
          eventId: undefined,
          error,
          at: clock.now(),
        });
        log.error({ error: shortId(errorId), reason: messageOf(error) }, 'event cannot be stored and was skipped');
      }
    }
    return [...accepted, ...(await store([], cursor))];
  }

  #setState(up: boolean, detail: string | undefined): void {
    const { metrics, name, clock, log } = this.#options;
    metrics.connectorUp.set({ connector: name }, up ? 1 : 0);
    if (up === this.#state.up && detail === this.#state.detail) return;
    if (up !== this.#state.up) log.info({ up, detail }, 'connector changed state');
    this.#state = { ...this.#state, up, detail, since: up === this.#state.up ? this.#state.since : clock.now() };
  }

  async #membership(
    room: string,
    state: 'joined' | 'left' | 'encrypted' | 'moved',
    detail: string | undefined,
  ): Promise<void> {
    const { name, log, database, afterCommit, registry } = this.#options;
    log.info({ room, state, detail }, 'room membership changed');
    if (state === 'moved')
      await this.#notice({
        about: `moved:${name}:${room}:${detail ?? ''}`,
        text: `${placeName(registry(), { connector: name, room })} now leads to another room${detail ? `: ${escape(detail)}` : ''}. I post in the new room from now on.`,
      });
    if (state === 'left')
      await this.#notice({
        about: `left:${name}:${room}`,
        text: `I am no longer in ${placeName(registry(), { connector: name, room })}${detail ? ` (${escape(detail)})` : ''}. Invite me again, or remove the room from the configuration.`,
        except: { connector: name, room },
      });
    if (state !== 'encrypted') return;
    const committed = await database.transaction(async (transaction) => {
      // Only once a room: the bot cannot read an answer there.
      if (!(await claimNotice(transaction, `encrypted:${name}:${room}`, 365 * 86_400_000))) return undefined;
      const outbox = new Outbox();
      outbox.intend(
        coreMessage(
          { connector: name, room },
          {
            text: 'This room is encrypted, and I cannot read what you write here. Please invite me to a room without encryption.',
          },
        ),
      );
      return outbox.write(transaction);
    });
    if (committed) afterCommit.outboxWritten(committed);
  }

  async #notice(notice: Omit<OpsNotice, 'connector'> & { about: string }): Promise<void> {
    const { database, registry, name, afterCommit, log } = this.#options;
    try {
      const committed = await noticeOps(database, registry(), { ...notice, connector: name, everyMs: NOTICE_EVERY_MS });
      if (committed) afterCommit.outboxWritten(committed);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not store a notice for the ops room');
    }
  }

  /** Posts a dead letter's text to the room's failover, and tells the ops room at most every 10 minutes. */
  async #dead(transaction: Transaction, row: MessageRow, message: Message, reason: string): Promise<Committed> {
    const { name } = this.#options;
    const registry = this.#options.registry();
    const except = { connector: row.connector, room: row.room };
    const where = placeName(registry, except);
    const outbox = new Outbox();
    await postInFailover({ registry, transaction, outbox }, row, message, reason);
    if (
      opsAddresses(registry, { connector: name, except }).length > 0 &&
      (await claimNotice(
        transaction,
        `${row.removed ? 'undeleted' : 'dead'}:${row.connector}:${row.room}`,
        NOTICE_EVERY_MS,
      ))
    )
      postToOps(registry, outbox, {
        connector: name,
        except,
        text: row.removed
          ? `I cannot delete a message in ${where}: ${escape(reason)}. \`watchbell messages dead\` lists what is still shown. Once this is fixed, \`watchbell messages replay all\` deletes it.`
          : `I cannot post in ${where}: ${escape(reason)}. The messages are kept: \`watchbell messages dead\` lists them. Once this is fixed, \`watchbell messages replay all\` sends them.`,
      });
    return outbox.write(transaction);
  }

  async #shownAgain(transaction: Transaction, row: MessageRow): Promise<Committed> {
    const outbox = new Outbox();
    await followInFailover({ registry: this.#options.registry(), transaction, outbox }, row);
    return outbox.write(transaction);
  }
}
