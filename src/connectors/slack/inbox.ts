import { messageOf } from '../../errors.ts';
import type { ConnectorHost, IncomingEvent } from '../connector.ts';
import { tsOf } from './ids.ts';
import type { ParsedEvent } from './incoming.ts';
import { retry } from './retry.ts';
import type { Progress } from './progress.ts';

const MAX_BATCH = 100;

/** Something received over the socket. */
export interface Arrival {
  /** Undefined: it belongs to no room, or cannot wait until its room is caught up. */
  readonly room: string | undefined;
  /** @throws when Slack cannot be reached. */
  read(): Promise<ParsedEvent>;
  /** Tells Slack that it is stored. */
  acknowledge(): Promise<void>;
  /** Deadline, by `performance.now()`: after it, the arrival cannot be acknowledged and is dropped. */
  readonly untilMs?: number;
}

export interface InboxOptions {
  readonly host: ConnectorHost;
  readonly progress: Progress;
  /** Called with everything that is not stored: new channels, changed people, a lockout. */
  readonly onWorkspaceEvent: (parsed: ParsedEvent) => void;
}

/**
 * Stores what arrives, in order and one batch at a time, and only then acknowledges it. Arrivals of a room that is not caught up
 * yet wait.
 */
export class Inbox {
  readonly #options: InboxOptions;
  #queue: Arrival[] = [];
  readonly #parked = new Map<string, Arrival[]>();
  /** Rooms that are not caught up yet; `all` until their list is known. */
  #behind: ReadonlySet<string> | 'all' = new Set();
  #wake = Promise.withResolvers<void>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  take(arrival: Arrival): void {
    const { room } = arrival;
    if (room !== undefined && (this.#behind === 'all' || this.#behind.has(room)))
      this.#parked.set(room, [...(this.#parked.get(room) ?? []), arrival]);
    else this.#add([arrival]);
  }

  /** Makes arrivals of these rooms wait until `release`. */
  park(rooms: ReadonlySet<string> | 'all'): void {
    this.#behind = rooms;
    if (rooms !== 'all') for (const room of [...this.#parked.keys()]) if (!rooms.has(room)) this.#unpark(room);
  }

  /** The room is caught up. */
  release(room: string): void {
    if (this.#behind !== 'all') this.#behind = new Set([...this.#behind].filter((one) => one !== room));
    this.#unpark(room);
  }

  isAwaited(room: string): boolean {
    return this.#parked.has(room);
  }

  #unpark(room: string): void {
    const arrivals = this.#parked.get(room) ?? [];
    this.#parked.delete(room);
    this.#add(arrivals);
  }

  #add(arrivals: readonly Arrival[]): void {
    this.#queue.push(...arrivals);
    this.#wake.resolve();
  }

  /** Runs until the signal aborts. @throws {Unauthorised} */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      await this.#wake.promise;
      if (signal.aborted) break;
      const arrivals = this.#queue.splice(0, MAX_BATCH);
      if (this.#queue.length === 0) this.#wake = Promise.withResolvers();
      await this.#store(arrivals, signal);
    }
  }

  async #store(arrivals: readonly Arrival[], signal: AbortSignal): Promise<void> {
    const { log } = this.#options.host;
    const read: Read[] = [];
    for (const arrival of arrivals) {
      const parsed = await retry(() => arrival.read(), {
        signal,
        untilMs: arrival.untilMs,
        onFailure: (error) => log.warn({ reason: messageOf(error) }, 'could not read an event, retrying'),
      });
      if (parsed) read.push({ arrival, parsed });
    }
    if (read.length === 0) return;
    const untilMs = Math.min(...read.map(({ arrival }) => arrival.untilMs ?? Number.POSITIVE_INFINITY));
    let stored = read;
    if (!(await this.offer(eventsOf(stored), signal, untilMs))) {
      // Presses that cannot be stored in time visibly fail; the rest is stored without them.
      stored = read.filter(({ arrival }) => arrival.untilMs === undefined);
      if (stored.length > 0) await this.offer(eventsOf(stored), signal);
    }
    for (const { arrival } of stored)
      await arrival
        .acknowledge()
        .catch((error: unknown) =>
          log.debug({ reason: messageOf(error) }, 'could not acknowledge; Slack will deliver it again'),
        );
  }

  /** Stores events together with the cursor. False: the deadline has passed. */
  offer(parsed: readonly ParsedEvent[], signal: AbortSignal, untilMs?: number): Promise<boolean> {
    const offering = this.#turn.then(() => this.#offer(parsed, signal, untilMs));
    this.#turn = offering.catch(() => {});
    return offering;
  }

  async #offer(parsed: readonly ParsedEvent[], signal: AbortSignal, untilMs: number | undefined): Promise<boolean> {
    const { host, progress, onWorkspaceEvent } = this.#options;
    const onFailure = (error: unknown): void =>
      host.log.warn({ reason: messageOf(error), events: parsed.length }, 'could not store a batch, retrying');
    const untilDone = (work: () => Promise<void>): Promise<unknown> => retry(work, { signal, onFailure });
    const events: IncomingEvent[] = [];
    for (const one of parsed)
      if (one.type === 'event') {
        // Slack redelivers what was not acknowledged before the first start.
        if (!isPast(one.event, progress)) events.push(one.event);
      } else if (one.type === 'echo') await untilDone(() => host.echo(one.key, one.remoteId));
      else if (one.type === 'membership') await untilDone(() => host.membership(one.room, one.state, one.detail));
      else onWorkspaceEvent(one);
    if (events.length === 0 && parsed.length > 0) return true;
    for (const event of events) if (event.type === 'message' && event.edits === undefined) progress.saw(tsOf(event.id));
    const store = async (): Promise<true> => {
      await host.receive(events, progress.cursor);
      return true;
    };
    return (await retry(store, { signal, untilMs, onFailure })) === true;
  }
}

interface Read {
  readonly arrival: Arrival;
  readonly parsed: ParsedEvent;
}

const eventsOf = (read: readonly Read[]): ParsedEvent[] => read.map(({ parsed }) => parsed);

function isPast(event: IncomingEvent, progress: Progress): boolean {
  return event.type === 'message' && progress.isPast(tsOf(event.edits ?? event.id));
}
