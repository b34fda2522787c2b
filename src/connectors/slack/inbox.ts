import { messageOf } from '../../errors.ts';
import type { ConnectorHost, IncomingEvent } from '../connector.ts';
import { tsOf } from './ids.ts';
import type { Heard } from './incoming.ts';
import { patiently } from './patience.ts';
import type { Progress } from './progress.ts';

const MOST_AT_ONCE = 100;

/** Something that came over the socket. */
export interface Arrival {
  /** Undefined: it belongs to no room, or cannot wait for one. */
  readonly room: string | undefined;
  /** @throws where Slack cannot be asked now. */
  read(): Promise<Heard>;
  /** Tells Slack that it is stored. */
  acknowledge(): Promise<void>;
  /** By `performance.now()`: too late to acknowledge, it is not accepted. */
  readonly untilMs?: number;
}

export interface InboxOptions {
  readonly host: ConnectorHost;
  readonly progress: Progress;
  /** What is neither an event nor an echo. */
  readonly onNews: (heard: Heard) => void;
}

/**
 * Stores what arrives, in order and one batch at a time, and only then acknowledges it. What arrives of a room that is still
 * being caught up with waits for that.
 */
export class Inbox {
  readonly #options: InboxOptions;
  #queue: Arrival[] = [];
  readonly #parked = new Map<string, Arrival[]>();
  /** Rooms to be caught up with; all of them, while it is not known which. */
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

  /** These are to be caught up with. */
  park(rooms: ReadonlySet<string> | 'all'): void {
    this.#behind = rooms;
    if (rooms !== 'all') for (const room of [...this.#parked.keys()]) if (!rooms.has(room)) this.#unpark(room);
  }

  /** A room was caught up with. */
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
      const arrivals = this.#queue.splice(0, MOST_AT_ONCE);
      if (this.#queue.length === 0) this.#wake = Promise.withResolvers();
      await this.#store(arrivals, signal);
    }
  }

  async #store(arrivals: readonly Arrival[], signal: AbortSignal): Promise<void> {
    const { log } = this.#options.host;
    const read: Read[] = [];
    for (const arrival of arrivals) {
      const heard = await patiently(() => arrival.read(), {
        signal,
        untilMs: arrival.untilMs,
        onFailure: (error) => log.warn({ reason: messageOf(error) }, 'an event could not be read, trying again'),
      });
      if (heard) read.push({ arrival, heard });
    }
    if (read.length === 0) return;
    const untilMs = Math.min(...read.map(({ arrival }) => arrival.untilMs ?? Number.POSITIVE_INFINITY));
    let stored = read;
    if (!(await this.offer(heardOf(stored), signal, untilMs))) {
      // Presses that cannot be stored in time fail visibly; the rest is stored without them.
      stored = read.filter(({ arrival }) => arrival.untilMs === undefined);
      if (stored.length > 0) await this.offer(heardOf(stored), signal);
    }
    for (const { arrival } of stored)
      await arrival
        .acknowledge()
        .catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'not acknowledged, it will come again'));
  }

  /** Stores what was heard, with the cursor behind it. False: it was too late. */
  offer(heard: readonly Heard[], signal: AbortSignal, untilMs?: number): Promise<boolean> {
    const offering = this.#turn.then(() => this.#offer(heard, signal, untilMs));
    this.#turn = offering.catch(() => {});
    return offering;
  }

  async #offer(heard: readonly Heard[], signal: AbortSignal, untilMs: number | undefined): Promise<boolean> {
    const { host, progress, onNews } = this.#options;
    const onFailure = (error: unknown): void =>
      host.log.warn(
        { reason: messageOf(error), events: heard.length },
        'a batch could not be stored, it is offered again',
      );
    const insistently = (work: () => Promise<void>): Promise<unknown> => patiently(work, { signal, onFailure });
    const events: IncomingEvent[] = [];
    for (const one of heard)
      if (one.type === 'event') {
        // Slack delivers again what nobody acknowledged before the first start.
        if (!isPast(one.event, progress)) events.push(one.event);
      } else if (one.type === 'echo') await insistently(() => host.echo(one.key, one.remoteId));
      else if (one.type === 'membership') await insistently(() => host.membership(one.room, one.state, one.detail));
      else onNews(one);
    if (events.length === 0 && heard.length > 0) return true;
    for (const event of events) if (event.type === 'message' && event.edits === undefined) progress.saw(tsOf(event.id));
    const store = async (): Promise<true> => {
      await host.receive(events, progress.cursor);
      return true;
    };
    return (await patiently(store, { signal, untilMs, onFailure })) === true;
  }
}

interface Read {
  readonly arrival: Arrival;
  readonly heard: Heard;
}

const heardOf = (read: readonly Read[]): Heard[] => read.map(({ heard }) => heard);

function isPast(event: IncomingEvent, progress: Progress): boolean {
  return event.type === 'message' && progress.isPast(tsOf(event.edits ?? event.id));
}
