import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { CrashHook } from '../crash-points.ts';
import { isRerunError, isTransientError, type Database, type Transaction } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Committed } from '../events/committed.ts';
import {
  parkedLane,
  beginCalls,
  commitEvents,
  failEvent,
  isChat,
  knownLiteral,
  originalLane,
  moveEvent,
  retryLater,
  type Accepted,
  type EventRow,
  type Known,
} from '../events/event.ts';
import { beginSuspect, type Suspect } from '../events/suspects.ts';
import { recordError, shortId } from '../handlers/failure.ts';
import { postToOps } from '../handlers/notice.ts';
import { Outbox } from '../handlers/outbox.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { readLinks, readLinksVersion, type Links } from '../people/linked-accounts.ts';
import { knownNames, type Registry } from '../registry/registry.ts';
import { handleAddressed } from './addressed-event.ts';
import { coreAnswer, handleChat, reply } from './chat-event.ts';
import { handleRemote } from './remote-command.ts';

const MAX_RERUNS = 10;
const MAX_TRIES = 6;
const TAP_LOOK_EVERY_MS = 500;
/** Time limit for calls that share a transaction; slower ones are handled one by one. */
const CALLS_MS = 500;

export interface HandlerOptions {
  /** Default 500. */
  readonly callsTimeoutMs?: number;
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics: Metrics;
  readonly log: Log;
  /** The current registry; undefined: this replica does not handle events for now. */
  readonly registry: () => Registry | undefined;
  /** Told about each commit. */
  readonly afterCommit: Pick<AfterCommit, 'outboxWritten' | 'answersChanged'>;
  /** Accounts were linked or unlinked since the current registry was built. */
  readonly onLinks: (links: Links) => void;
  /** A parked event is back in the lane of its room. */
  readonly onUnparked: (event: Accepted) => void;
}

/** Skill and name of the command that an event started. */
type StartedCommand = [skill: string, command: string];

/** Calls of one webhook that were handled or left, by lane, or by id if they have none. */
export interface CallsOutcome {
  readonly handled: ReadonlySet<string | number>;
  /** They did not fit into the batch. */
  readonly left: ReadonlySet<string | number>;
}

/** Handles one event, or the waiting calls of one webhook, in a transaction; retries or fails the event on errors. */
export class EventHandler {
  readonly #options: HandlerOptions;
  #knownOf: { registry: Registry; literal: Known } | undefined;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** Handles the event that `begin` locks, until it is done, failed or left for later. False: there was none, or it is left. */
  async attempt(
    begin: (transaction: Transaction, known: Known) => Promise<EventRow | undefined>,
    id?: number,
  ): Promise<boolean> {
    const { database, log } = this.#options;
    for (let rerun = 0; ; rerun++) {
      const registry = this.#options.registry();
      if (!registry) return false;
      let row: EventRow | undefined;
      let started: StartedCommand | undefined;
      try {
        return await database.connection(async (transaction) => {
          const beginning = begin(transaction, this.known(registry));
          const [begun, linksVersion] = await Promise.all([beginning, readLinksVersion(transaction.query)]);
          row = begun;
          if (!row) {
            await transaction.script('rollback');
            return false;
          }
          const current = await this.#withCurrentLinks(transaction, registry, linksVersion);
          await this.#handle(transaction, [row], current, { onCommand: (...command) => (started = command) });
          return true;
        });
      } catch (error) {
        if (!database.available) {
          log.warn({ event: row?.id ?? id, reason: messageOf(error) }, 'event waits until the database is back');
          return false;
        }
        if (isRerunError(error) && rerun < MAX_RERUNS) continue;
        if (row && isTransientError(error) && (await this.#retryLater(row, error))) return false;
        if (!row) {
          log.error({ event: id, reason: messageOf(error) }, 'event could not be read');
          return false;
        }
        return this.#fail(row, error, started);
      }
    }
  }

  /** Handles waiting calls of one webhook in one transaction. Undefined: that failed, and each must be handled alone. */
  async attemptCalls(
    webhook: string,
    calls: readonly { readonly id: number; readonly lane: string | null }[],
  ): Promise<CallsOutcome | undefined> {
    const { database, log, registry: current } = this.#options;
    const ids = calls.flatMap(({ id, lane }) => (lane === null ? [id] : []));
    const lanes = calls.flatMap(({ lane }) => lane ?? []);
    const keysOf = (rows: readonly EventRow[]) => new Set(rows.map(({ id, lane }) => lane ?? id));
    const registry = current();
    if (!registry) return undefined;
    try {
      return await database.connection(async (transaction) => {
        const beginning = beginCalls(transaction, webhook, { ids, lanes }, this.known(registry));
        const [found, linksVersion] = await Promise.all([beginning, readLinksVersion(transaction.query)]);
        const [row, ...rows] = found.filter(({ fits }) => fits);
        if (row) {
          const current = await this.#withCurrentLinks(transaction, registry, linksVersion);
          await this.#handle(transaction, [row, ...rows], current, {
            timeoutMs: this.#options.callsTimeoutMs ?? CALLS_MS,
          });
        } else await transaction.script('rollback');
        return { handled: keysOf(row ? [row, ...rows] : []), left: keysOf(found.filter(({ fits }) => !fits)) };
      });
    } catch (error) {
      // A lock held elsewhere is not an error.
      const level = isRerunError(error) || isTransientError(error) || !database.available ? 'debug' : 'warn';
      log[level]({ webhook, calls: calls.length, reason: messageOf(error) }, 'webhook calls are handled one by one');
      return undefined;
    }
  }

  /** Fails an event that crashed the process each time it was attempted. False: it is left. */
  async quarantine(suspect: Suspect): Promise<boolean> {
    const row = await this.#options.database.connection(async (transaction) => {
      const found = await beginSuspect(transaction, suspect);
      await transaction.script('rollback');
      return found;
    });
    if (!row) return false;
    const reason = `the program crashed ${suspect.deaths} times while handling this event, so it is not retried`;
    return this.#fail(row, new Error(reason), undefined);
  }

  /** Retries after a slow or locked database or a stalled process, which are not the event's fault. False: no retries left. */
  async #retryLater(row: EventRow, error: unknown): Promise<boolean> {
    const { database, log } = this.#options;
    const tries = await retryLater(database.query, row.id).catch(() => 1);
    if (tries !== undefined && tries > MAX_TRIES) return false;
    log.warn({ event: row.id, tries, reason: messageOf(error) }, 'event will be retried later');
    return true;
  }

  /** Which addressed events this program can handle with this configuration. */
  known(registry: Registry): Known {
    if (this.#knownOf?.registry !== registry)
      this.#knownOf = { registry, literal: knownLiteral(knownNames(registry).all) };
    return this.#knownOf.literal;
  }

  /** The registry with the accounts that were linked when the transaction began, whichever replica linked them. */
  async #withCurrentLinks({ query }: Transaction, registry: Registry, version: number): Promise<Registry> {
    if (version === registry.links.version) return registry;
    const links = await readLinks(query);
    this.#options.onLinks(links);
    return registry.withLinks(links);
  }

  async #handle(
    transaction: Transaction,
    rows: readonly [EventRow, ...EventRow[]],
    registry: Registry,
    how: { readonly onCommand?: (...command: StartedCommand) => void; readonly timeoutMs?: number },
  ): Promise<void> {
    const { clock, crashPoint } = this.#options;
    const outbox = new Outbox();
    const given = { registry, transaction, outbox, now: clock.now(), ...how };
    const [row] = rows;
    const saying = { ...given, row, onCommand: how.onCommand ?? (() => {}) };
    const outcome = isChat(row)
      ? await handleChat({ ...saying, event: incoming(row) })
      : row.kind === 'command'
        ? await handleRemote(saying)
        : { result: await handleAddressed({ ...given, rows }) };
    const lane = row.lane ?? row.source;
    if (outcome.result === 'park') return moveEvent(transaction, row.id, parkedLane(lane, row.id), TAP_LOOK_EVERY_MS);
    if (outcome.result === 'unpark') {
      await moveEvent(transaction, row.id, originalLane(lane), 0);
      return this.#options.onUnparked({ id: row.id, lane: originalLane(lane) });
    }
    // The commit is pipelined after the last statements: if one fails, those after it fail too, and the commit rolls back.
    const ids = rows.map(({ id }) => id);
    const committed = await outbox.write(transaction, () => {
      crashPoint('handle.before-commit');
      return commitEvents(transaction, ids, outcome.result);
    });
    crashPoint('handle.after-commit');
    this.#handled(rows, outcome, committed);
  }

  /** The events are committed: an error here must not make them look failed. */
  #handled(
    rows: readonly EventRow[],
    outcome: { result: string; skill?: string; command?: string },
    committed: Committed,
  ): void {
    const { metrics, clock, afterCommit, log } = this.#options;
    try {
      afterCommit.outboxWritten(committed);
      const skill = outcome.skill ?? rows[0]?.skill ?? undefined;
      if (skill !== undefined && skill !== 'core') afterCommit.answersChanged(skill, committed.changed);
      const now = clock.now().getTime();
      for (const row of rows) {
        const source = sourceLabel(row);
        metrics.eventDuration.observe({ source }, (now - row.accepted_at.getTime()) / 1000);
        metrics.events.inc({ source, result: outcome.result });
        if (row.kind === 'timer') metrics.timerLateness.observe(Math.max(0, (now - row.happened_at.getTime()) / 1000));
      }
      if (outcome.command !== undefined && outcome.result !== 'ignored')
        metrics.commands.inc({
          skill: outcome.skill ?? 'core',
          command: outcome.command,
          result: outcome.result,
        });
    } catch (error) {
      log.error(
        { events: rows.map((row) => row.id), reason: messageOf(error) },
        'events were handled, but their effects may be delayed',
      );
    }
  }

  /** In a second transaction: fails the event and keeps its payload, records the error, and tells whoever asked. */
  async #fail(row: EventRow, error: unknown, started: StartedCommand | undefined): Promise<boolean> {
    const { database, clock, log, metrics, crashPoint, afterCommit, registry: current } = this.#options;
    const chat = isChat(row);
    try {
      const done = await database.transaction(async (transaction) => {
        const errorId = randomUUID();
        if (!(await failEvent(transaction.query, row.id, errorId))) return undefined;
        await recordError(transaction.query, {
          id: errorId,
          kind: chat || row.kind === 'command' ? 'command' : 'general',
          skill: row.skill ?? undefined,
          eventId: row.id,
          error,
          at: clock.now(),
        });
        const outbox = new Outbox();
        const registry = current();
        if (registry) reportFailure({ registry, row, outbox, errorId, chat });
        return { errorId, committed: await outbox.write(transaction) };
      });
      crashPoint('fail.after-commit');
      if (!done) {
        log.warn({ event: row.id, reason: messageOf(error) }, 'event failed here after another replica handled it');
        return true;
      }
      afterCommit.outboxWritten(done.committed);
      metrics.events.inc({ source: sourceLabel(row), result: 'failed' });
      if (started) metrics.commands.inc({ skill: started[0], command: started[1], result: 'failed' });
      log.error(
        {
          event: row.id,
          kind: row.kind,
          skill: row.skill,
          name: row.name,
          error: shortId(done.errorId),
          reason: messageOf(error),
        },
        'event failed; it is kept and can be replayed',
      );
    } catch (second) {
      log.error(
        { event: row.id, reason: messageOf(error), second: messageOf(second) },
        'event failed and could not be marked as failed; it will be retried',
      );
      return false;
    }
    return true;
  }
}

function incoming(row: EventRow): IncomingEvent {
  const event = { ...(JSON.parse(row.payload) as IncomingEvent), at: row.happened_at };
  if (row.kind === 'unreaction') return { ...event, type: 'reaction', taken: true } as IncomingEvent;
  if (row.kind !== 'press') return event;
  const { command } = event as unknown as { command: string };
  return { ...event, type: 'interaction', words: command } as IncomingEvent;
}

function sourceLabel(row: EventRow): string {
  // `api:ci` counts as `api`, `cli:root` as `cli`.
  return row.kind === 'command' ? row.source.replace(/:.*$/s, '') : row.kind === 'webhook' ? 'webhook' : row.source;
}

function reportFailure(failure: {
  registry: Registry;
  row: EventRow;
  outbox: Outbox;
  errorId: string;
  chat: boolean;
}): void {
  const { registry, row, outbox, errorId, chat } = failure;
  if (chat) {
    const event = incoming(row);
    const text = `Sorry, something failed; nothing was changed. Give an admin this error number: \`${shortId(errorId)}\``;
    return reply({ registry, outbox, row }, { connector: row.source, room: event.room }, event, coreAnswer(text));
  }
  postToOps(registry, outbox, {
    eventId: row.id,
    text: `A ${row.kind} event of the skill ${row.skill ?? '?'} failed and is kept (error \`${shortId(errorId)}\`). \`watchbell events failed\` shows why; \`watchbell events replay ${row.id}\` retries it.`,
  });
}
