import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import { isRerunError, isTransientError, type Database, type Transaction } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import type { ClaimRoom } from '../messages/wanted.ts';
import type { Metrics } from '../metrics.ts';
import type { Log } from '../skill.ts';
import type { StepHook } from '../steps.ts';
import { handleAddressed } from './addressed.ts';
import { handleChat, reply } from './chat.ts';
import { Effects, type Woken } from './effects.ts';
import {
  LANE_AT_ONCE,
  beginEvent,
  beginLane,
  commitEvent,
  failEvent,
  findNew,
  postponeEvent,
  knownLiteral,
  retryLater,
  type Accepted,
  type EventRow,
  type Known,
} from './event.ts';
import { recordError, shortId } from './failure.ts';
import { sayToOps } from './notice.ts';
import { handleTogether, type Together } from './together.ts';
import { knownNames, type World } from './world.ts';

/** While senders wait for their 200, accepting goes first: alone for a second, then with some handling beside it. */
const WORKERS = { none: 8, burst: 0, long: 3 };
/** With this many waiting, several share a transaction: up to `BATCH` events or lanes, `BATCHES` such at once. */
const MANY = 8;
const BATCH = 32;
const BATCHES = 2;
const WORKERS_FOR_PEOPLE = 2;
const SWEEP_EVERY_MS = 1000;
const SWEEP_LIMIT = 1000;
const MAX_RERUNS = 10;
const MAX_TRIES = 6;
const TAP_LOOK_EVERY_MS = 500;

export interface DispatcherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly step: StepHook;
  readonly metrics: Metrics;
  readonly log: Log;
  /** The configuration in force; undefined: this replica leaves handling to others for now. */
  readonly world: () => World | undefined;
  readonly pressure: () => 'none' | 'burst' | 'long';
  /** Keeps an idle room for what a handler is about to store. */
  readonly claimRoom: ClaimRoom;
  /** After each commit: what has to be looked at. */
  readonly onWoken: (woken: Woken) => void;
}

/** What is known of a lane. */
interface LaneWork {
  /** Events heard of and not handled yet. */
  expected: number;
  /** There may be more than was heard of. */
  drain: boolean;
  /** Something was heard of since its last event was looked for. */
  heard: boolean;
}

type Work = { readonly id: number } | { readonly lane: string };

/**
 * Handles accepted events, each in a transaction of its own, or several that wait in one. Woken by whoever accepted them; a sweep each second takes
 * what is left over from a crash, from another replica, or from a full queue.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** What people say, and what is to be handled alone: never together with others. */
  readonly #first: Work[] = [];
  readonly #queue: Work[] = [];
  readonly #queuedIds = new Set<number>();
  /** Lanes queued or worked. */
  readonly #lanes = new Map<string, LaneWork>();
  #working = 0;
  #batches = 0;
  #stopped = true;
  #knownOf: { world: World; literal: Known } | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    options.database.onAvailability((available) => {
      // Nothing in memory is trusted after the database was away; the sweep finds what is there.
      if (available) this.#queueSweep(0);
      else this.#forget();
    });
  }

  start(): void {
    this.#stopped = false;
    this.#queueSweep(0);
  }

  /** Takes up nothing new and resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#sweepTimer);
    this.#forget();
    while (this.#working > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** `drain`: there may be more in a lane than was heard of. */
  wake(accepted: readonly Accepted[], drain = false): void {
    if (this.#stopped) return;
    for (const { id, lane } of accepted) this.#enqueue(this.#queue, id, lane, drain);
    this.#pump();
  }

  /** What people say goes before everything else. */
  wakeFirst(accepted: readonly Accepted[]): void {
    if (this.#stopped) return;
    for (const { id, lane } of accepted) this.#enqueue(this.#first, id, lane, false);
    this.#pump();
  }

  get backlog(): number {
    return this.#first.length + this.#queue.length + this.#working;
  }

  #forget(): void {
    for (const work of [...this.#first, ...this.#queue]) if ('lane' in work) this.#lanes.delete(work.lane);
    this.#first.length = 0;
    this.#queue.length = 0;
    this.#queuedIds.clear();
  }

  #enqueue(queue: Work[], id: number, lane: string | null, drain: boolean): void {
    if (lane === null) {
      if (this.#queuedIds.has(id)) return;
      this.#queuedIds.add(id);
      queue.push({ id });
      return;
    }
    const known = this.#lanes.get(lane);
    if (known) {
      // A sweep finds again what was heard of before.
      if (drain) known.drain = true;
      else known.expected++;
      known.heard ||= !drain;
      return;
    }
    this.#lanes.set(lane, { expected: 1, drain, heard: false });
    queue.push({ lane });
  }

  #pump(): void {
    while (!this.#stopped && this.#mayBegin() && this.#options.world() && this.#options.database.available) {
      this.#working++;
      void this.#work().finally(() => {
        this.#working--;
        this.#pump();
      });
    }
  }

  #mayBegin(): boolean {
    if (this.#first.length > 0) return this.#working < WORKERS.none + WORKERS_FOR_PEOPLE;
    if (this.#queue.length === 0 || this.#working >= WORKERS[this.#options.pressure()]) return false;
    return this.#queue.length < MANY || this.#batches < BATCHES;
  }

  async #work(): Promise<void> {
    if (this.#first.length > 0 || this.#queue.length < MANY) {
      const work = this.#first.shift() ?? this.#queue.shift();
      if (work) await ('id' in work ? this.#workEvent(work.id) : this.#workLane(work.lane));
      return;
    }
    this.#batches++;
    try {
      this.#first.push(...(await this.#workTogether(this.#queue.splice(0, BATCH))));
    } finally {
      this.#batches--;
    }
  }

  /** Handles what it can in one transaction. Returns what has to be handled alone. */
  async #workTogether(batch: readonly Work[]): Promise<readonly Work[]> {
    const { database, clock, step, world: current, log } = this.#options;
    const world = current();
    if (!world || this.#stopped) return batch;
    const ids = batch.flatMap((work) => ('id' in work ? [work.id] : []));
    const lanes = batch.flatMap((work) => ('lane' in work ? [work.lane] : []));
    for (const lane of lanes) {
      const work = this.#lanes.get(lane);
      if (work) work.heard = false;
    }
    let together: Together;
    try {
      together = await handleTogether({ database, clock, step, world, known: this.#known(world) }, ids, lanes);
    } catch (error) {
      log.debug({ events: batch.length, reason: messageOf(error) }, 'events are handled one by one');
      return batch;
    }
    const handled = new Map<string, number>();
    for (const { row, woken } of together.handled) {
      this.#handled(row, { result: 'ok' }, woken);
      if (row.lane !== null) handled.set(row.lane, (handled.get(row.lane) ?? 0) + 1);
    }
    const left = new Set(together.left.map((row) => row.lane ?? row.id));
    const alone = new Set(together.alone.map((row) => row.lane ?? row.id));
    return batch.filter((work) => {
      if (alone.has('id' in work ? work.id : work.lane)) return true;
      const again = 'id' in work ? left.has(work.id) : this.#isMore(work.lane, handled.get(work.lane) ?? 0, left);
      // What was not there was handled before it was heard of, or another replica has it.
      if (again) this.#queue.push(work);
      else if ('id' in work) this.#queuedIds.delete(work.id);
      else this.#lanes.delete(work.lane);
      return false;
    });
  }

  /** After so many of a lane's events were handled together. */
  #isMore(lane: string, handled: number, left: ReadonlySet<string | number>): boolean {
    const work = this.#lanes.get(lane);
    if (!work || !(left.has(lane) || work.heard || handled === LANE_AT_ONCE)) return false;
    work.expected = Math.max(0, work.expected - handled);
    if (work.expected === 0) work.drain = true;
    return true;
  }

  #queueSweep(waitMs: number): void {
    clearTimeout(this.#sweepTimer);
    if (this.#stopped) return;
    this.#sweepTimer = setTimeout(() => {
      void this.#sweep().finally(() => this.#queueSweep(SWEEP_EVERY_MS));
    }, waitMs);
  }

  async #sweep(): Promise<void> {
    const world = this.#options.world();
    if (!world || !this.#options.database.available) return;
    this.#pump();
    if (this.#queue.length > SWEEP_LIMIT) return;
    try {
      this.wake(await findNew(this.#options.database.query, this.#known(world), SWEEP_LIMIT), true);
    } catch {
      // the database is away; the next sweep looks again
    }
  }

  async #workEvent(id: number): Promise<void> {
    await this.#attempt((transaction, known) => beginEvent(transaction, id, known), id);
    this.#queuedIds.delete(id);
  }

  async #workLane(lane: string): Promise<void> {
    const work = this.#lanes.get(lane);
    while (work && !this.#stopped && this.#options.database.available) {
      work.expected--;
      work.heard = false;
      const handled = await this.#attempt((transaction, known) => beginLane(transaction, lane, known), undefined);
      if (handled ? work.expected <= 0 && !work.drain : !work.heard) break;
    }
    this.#lanes.delete(lane);
  }

  /** Handles one event until it is done, failed, or left for later. False: there was none, or it is left. */
  async #attempt(
    begin: (transaction: Transaction, known: Known) => Promise<EventRow | undefined>,
    id: number | undefined,
  ): Promise<boolean> {
    const { database, log } = this.#options;
    for (let rerun = 0; ; rerun++) {
      const world = this.#options.world();
      if (!world) return false;
      let row: EventRow | undefined;
      try {
        return await database.connection(async (transaction) => {
          row = await begin(transaction, this.#known(world));
          if (!row) {
            await transaction.script('rollback');
            return false;
          }
          return this.#handle(transaction, row, world);
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
        return this.#fail(row, error);
      }
    }
  }

  /** A slow or locked database, or a process that stood still, is not the event's fault. False: that was often enough. */
  async #retryLater(row: EventRow, error: unknown): Promise<boolean> {
    const { database, log } = this.#options;
    const tries = await retryLater(database.query, row.id).catch(() => 1);
    if (tries !== undefined && tries > MAX_TRIES) return false;
    log.warn({ event: row.id, tries, reason: messageOf(error) }, 'event is tried again later');
    return true;
  }

  #known(world: World): Known {
    if (this.#knownOf?.world !== world) this.#knownOf = { world, literal: knownLiteral(knownNames(world).all) };
    return this.#knownOf.literal;
  }

  async #handle(transaction: Transaction, row: EventRow, world: World): Promise<boolean> {
    const { clock, step, claimRoom } = this.#options;
    const effects = new Effects();
    const now = clock.now();
    const chat = row.kind === 'message' || row.kind === 'reaction' || row.kind === 'unreaction' || row.kind === 'press';
    const outcome = chat
      ? await handleChat({ world, row, event: incoming(row), transaction, effects, now })
      : { result: await handleAddressed({ world, row, transaction, effects, now }) };
    if (outcome.result === 'retry') {
      await postponeEvent(
        transaction,
        row.id,
        row.lane?.includes(':tap:') ? row.lane : `${row.lane ?? row.source}:tap:${row.id}`,
        TAP_LOOK_EVERY_MS,
      );
      return true;
    }
    let woken: Woken | undefined;
    try {
      // All of it leaves in one write; where one statement fails, those behind it do, and the commit rolls back. What
      // cannot even be sent throws here, before the commit is.
      const writing = effects.write(transaction, this.#queue.length === 0 ? claimRoom : undefined);
      step('handle.before-commit');
      [woken] = await Promise.all([writing, commitEvent(transaction, row.id, outcome.result)]);
      step('handle.after-commit');
    } finally {
      effects.settle(woken !== undefined);
    }
    this.#handled(row, outcome, woken);
    return true;
  }

  /** It is committed: whatever fails now must not look as if it were not. */
  #handled(row: EventRow, outcome: { result: string; skill?: string; command?: string }, woken: Woken): void {
    const { metrics, clock, onWoken, log } = this.#options;
    const source = sourceLabel(row);
    try {
      onWoken(woken);
      const now = clock.now().getTime();
      metrics.eventDuration.observe({ source }, (now - row.accepted_at.getTime()) / 1000);
      metrics.events.inc({ source, result: outcome.result });
      if (outcome.command !== undefined && outcome.result !== 'ignored')
        metrics.commands.inc({
          skill: outcome.skill ?? 'core',
          command: outcome.command,
          result: outcome.result,
        });
      if (row.kind === 'timer') metrics.timerLateness.observe(Math.max(0, (now - row.happened_at.getTime()) / 1000));
    } catch (error) {
      log.error({ event: row.id, reason: messageOf(error) }, 'event was handled, but what follows from it may be late');
    }
  }

  /** A second transaction: the event is failed with its payload, the error has an id, the asker is told once. */
  async #fail(row: EventRow, error: unknown): Promise<boolean> {
    const { database, clock, log, metrics, step, onWoken, world: current } = this.#options;
    const chat = row.kind === 'message' || row.kind === 'reaction' || row.kind === 'unreaction' || row.kind === 'press';
    try {
      const done = await database.transaction(async (transaction) => {
        const errorId = randomUUID();
        if (!(await failEvent(transaction.query, row.id, errorId))) return undefined;
        await recordError(transaction.query, {
          id: errorId,
          kind: chat ? 'command' : 'general',
          skill: row.skill ?? undefined,
          eventId: row.id,
          error,
          at: clock.now(),
        });
        const effects = new Effects();
        const world = current();
        if (world) tellFailure({ world, row, effects, errorId, chat });
        return { errorId, woken: await effects.write(transaction) };
      });
      step('fail.after-commit');
      if (!done) {
        log.warn({ event: row.id, reason: messageOf(error) }, 'event failed here after it was handled');
        return true;
      }
      onWoken(done.woken);
      metrics.events.inc({ source: sourceLabel(row), result: 'failed' });
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
  const event = JSON.parse(row.payload) as IncomingEvent;
  return { ...event, at: row.happened_at };
}

function sourceLabel(row: EventRow): string {
  return row.kind === 'webhook' ? 'webhook' : row.source;
}

function tellFailure(failure: { world: World; row: EventRow; effects: Effects; errorId: string; chat: boolean }): void {
  const { world, row, effects, errorId, chat } = failure;
  if (chat) {
    const event = incoming(row);
    const text = `Sorry, that went wrong here, and nothing was done. Show an admin this number: \`${shortId(errorId)}\``;
    return reply({ world, effects, row }, { connector: row.source, room: event.room }, event, 'core', text);
  }
  sayToOps(world, effects, {
    eventId: row.id,
    text: `A ${row.kind} for the skill ${row.skill ?? '?'} failed and is kept. See why: \`watchbell events failed\`; try again: \`watchbell events replay ${row.id}\` (error \`${shortId(errorId)}\`)`,
  });
}
