import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { CrashHook } from '../crash-points.ts';
import { isRerunError, isTransientError, type Database, type Transaction } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import type { Committed } from '../events/committed.ts';
import {
  asideOf,
  beginCalls,
  commitEvents,
  failEvent,
  isChat,
  knownLiteral,
  laneBefore,
  moveEvent,
  retryLater,
  type Accepted,
  type EventRow,
  type Known,
} from '../events/event.ts';
import { beginSuspect, type Suspect } from '../events/suspects.ts';
import { recordError, shortId } from '../handlers/failure.ts';
import { sayToOps } from '../handlers/notice.ts';
import { Outbox } from '../handlers/outbox.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { knownNames, type Registry } from '../registry/registry.ts';
import { handleAddressed } from './addressed-event.ts';
import { coreAnswer, handleChat, reply } from './chat-event.ts';
import { handleRemote } from './remote-command.ts';

const MAX_RERUNS = 10;
const MAX_TRIES = 6;
const TAP_LOOK_EVERY_MS = 500;
/** Several calls share it: one that takes longer is better handled alone. */
const CALLS_MS = 500;

export interface HandlerOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly metrics: Metrics;
  readonly log: Log;
  /** The configuration in force; undefined: this replica leaves handling to others for now. */
  readonly registry: () => Registry | undefined;
  /** After each commit: what has to be looked at. */
  readonly afterCommit: Pick<AfterCommit, 'outboxWritten' | 'answersChanged'>;
  /** What was put aside is back in the lane of its room. */
  readonly onBack: (back: Accepted) => void;
}

/** Skill and name of the command that an event turned out to be. */
type Begun = [skill: string, command: string];

/** Calls of one webhook that were handled or left, by lane or else by id. */
export interface CallsOutcome {
  readonly handled: ReadonlySet<string | number>;
  /** There was no room for these. */
  readonly left: ReadonlySet<string | number>;
}

/** Handles one event, or the waiting calls of one webhook, in a transaction, and sees to what fails. */
export class EventHandler {
  readonly #options: HandlerOptions;
  #knownOf: { registry: Registry; literal: Known } | undefined;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** Handles the event that `begin` locks until it is done, failed, or left for later. False: there was none, or it is left. */
  async attempt(
    begin: (transaction: Transaction, known: Known) => Promise<EventRow | undefined>,
    id?: number,
  ): Promise<boolean> {
    const { database, log } = this.#options;
    for (let rerun = 0; ; rerun++) {
      const registry = this.#options.registry();
      if (!registry) return false;
      let row: EventRow | undefined;
      let begun: Begun | undefined;
      try {
        return await database.connection(async (transaction) => {
          row = await begin(transaction, this.known(registry));
          if (!row) {
            await transaction.script('rollback');
            return false;
          }
          await this.#handle(transaction, [row], registry, { onCommand: (...command) => (begun = command) });
          return true;
        });
      } catch (error) {
        if (!database.available) {
          log.warn({ event: row?.id ?? id, reason: messageOf(error) }, 'event is left until the database is back');
          return false;
        }
        if (isRerunError(error) && rerun < MAX_RERUNS) continue;
        if (row && isTransientError(error) && (await this.#retryLater(row, error))) return false;
        if (!row) {
          log.error({ event: id, reason: messageOf(error) }, 'event could not be taken up');
          return false;
        }
        return this.#fail(row, error, begun);
      }
    }
  }

  /** Handles waiting calls of one webhook in one transaction. Undefined: it failed, and each is to be handled alone. */
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
        const found = await beginCalls(transaction, webhook, { ids, lanes }, this.known(registry));
        const [row, ...rows] = found.filter(({ fits }) => fits);
        if (row) await this.#handle(transaction, [row, ...rows], registry, { timeoutMs: CALLS_MS });
        else await transaction.script('rollback');
        return { handled: keysOf(row ? [row, ...rows] : []), left: keysOf(found.filter(({ fits }) => !fits)) };
      });
    } catch (error) {
      // A lock that somebody else holds is nobody's fault.
      const level = isRerunError(error) || isTransientError(error) || !database.available ? 'debug' : 'warn';
      log[level]({ webhook, calls: calls.length, reason: messageOf(error) }, 'calls are handled one by one');
      return undefined;
    }
  }

  /** Fails an event that ended the program each time it was tried. False: it is left. */
  async setAside(suspect: Suspect): Promise<boolean> {
    const row = await this.#options.database.connection(async (transaction) => {
      const found = await beginSuspect(transaction, suspect);
      await transaction.script('rollback');
      return found;
    });
    if (!row) return false;
    const reason = `the program died ${suspect.deaths} times while it handled this, so it is not tried again`;
    return this.#fail(row, new Error(reason), undefined);
  }

  /** A slow or locked database, or a process that stood still, is not the event's fault. False: that was often enough. */
  async #retryLater(row: EventRow, error: unknown): Promise<boolean> {
    const { database, log } = this.#options;
    const tries = await retryLater(database.query, row.id).catch(() => 1);
    if (tries !== undefined && tries > MAX_TRIES) return false;
    log.warn({ event: row.id, tries, reason: messageOf(error) }, 'event is tried again later');
    return true;
  }

  /** Which addressed events this program can handle, with this configuration. */
  known(registry: Registry): Known {
    if (this.#knownOf?.registry !== registry)
      this.#knownOf = { registry, literal: knownLiteral(knownNames(registry).all) };
    return this.#knownOf.literal;
  }

  async #handle(
    transaction: Transaction,
    rows: readonly [EventRow, ...EventRow[]],
    registry: Registry,
    how: { readonly onCommand?: (...command: Begun) => void; readonly timeoutMs?: number },
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
    if (outcome.result === 'aside') return moveEvent(transaction, row.id, asideOf(lane, row.id), TAP_LOOK_EVERY_MS);
    if (outcome.result === 'back') {
      await moveEvent(transaction, row.id, laneBefore(lane), 0);
      return this.#options.onBack({ id: row.id, lane: laneBefore(lane) });
    }
    // The commit leaves with the last of it: where one statement fails, those behind it do, and the commit rolls back.
    const ids = rows.map(({ id }) => id);
    const committed = await outbox.write(transaction, () => {
      crashPoint('handle.before-commit');
      return commitEvents(transaction, ids, outcome.result);
    });
    crashPoint('handle.after-commit');
    this.#handled(rows, outcome, committed);
  }

  /** They are committed: whatever fails now must not look as if they were not. */
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
        'events were handled, but what follows from them may be late',
      );
    }
  }

  /** A second transaction: the event is failed with its payload, the error has an id, the asker is told once. */
  async #fail(row: EventRow, error: unknown, begun: Begun | undefined): Promise<boolean> {
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
        if (registry) tellFailure({ registry, row, outbox, errorId, chat });
        return { errorId, committed: await outbox.write(transaction) };
      });
      crashPoint('fail.after-commit');
      if (!done) {
        log.warn({ event: row.id, reason: messageOf(error) }, 'event failed here after it was handled');
        return true;
      }
      afterCommit.outboxWritten(done.committed);
      metrics.events.inc({ source: sourceLabel(row), result: 'failed' });
      if (begun) metrics.commands.inc({ skill: begun[0], command: begun[1], result: 'failed' });
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
        'event failed and could not be marked; it will be tried again',
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
  // `api:ci` is of the API, `cli:root` of the command line.
  return row.kind === 'command' ? row.source.replace(/:.*$/s, '') : row.kind === 'webhook' ? 'webhook' : row.source;
}

function tellFailure(failure: {
  registry: Registry;
  row: EventRow;
  outbox: Outbox;
  errorId: string;
  chat: boolean;
}): void {
  const { registry, row, outbox, errorId, chat } = failure;
  if (chat) {
    const event = incoming(row);
    const text = `Sorry, that went wrong here, and nothing was done. Show an admin this number: \`${shortId(errorId)}\``;
    return reply({ registry, outbox, row }, { connector: row.source, room: event.room }, event, coreAnswer(text));
  }
  sayToOps(registry, outbox, {
    eventId: row.id,
    text: `A ${row.kind} for the skill ${row.skill ?? '?'} failed and is kept. See why: \`watchbell events failed\`; try again: \`watchbell events replay ${row.id}\` (error \`${shortId(errorId)}\`)`,
  });
}
