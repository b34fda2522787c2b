import type { JsonMap } from './json.ts';

export interface Envelope {
  readonly kind: 'events_api' | 'interactive' | 'slash_commands';
  readonly payload: JsonMap;
}

export interface Retry {
  readonly attempt: number;
  readonly reason: string;
}

export type Delivered =
  | { readonly ok: true; readonly response: JsonMap }
  | { readonly ok: false; readonly reason: string; readonly isFinal?: boolean };

/** How envelopes are delivered: over a socket, or to the app's request URL. */
export type Transport = (envelope: Envelope, retry: Retry | undefined) => Promise<Delivered>;

interface Waiting {
  readonly envelope: Envelope;
  readonly retry: Retry;
  readonly timer: NodeJS.Timeout;
}

/**
 * What Slack sends to the app. An event that is not acknowledged in time is redelivered, once for each delay, and then
 * lost; presses and slash commands are never redelivered.
 */
export class Outbox {
  /** Presses and slash commands that the app did not acknowledge: people see an error. */
  readonly failures: { readonly kind: Envelope['kind']; readonly reason: string }[] = [];
  private readonly transport: () => Transport;
  private readonly delaysMs: readonly number[];
  private readonly waiting = new Set<Waiting>();
  private held: Envelope[] | undefined;
  private isDropping = false;
  private toDuplicate = 0;
  private inProgress = 0;

  constructor(transport: () => Transport, delaysMs: readonly number[]) {
    this.transport = transport;
    this.delaysMs = delaysMs;
  }

  /** Resolves to the app's response; undefined: there was none. */
  send(envelope: Envelope): Promise<JsonMap | undefined> {
    if (this.isDropping) return Promise.resolve(undefined);
    if (this.held && envelope.kind === 'events_api') {
      this.held.push(envelope);
      return Promise.resolve(undefined);
    }
    const copies = this.toDuplicate > 0 && envelope.kind === 'events_api' ? 2 : 1;
    if (copies === 2) this.toDuplicate -= 1;
    const [first] = Array.from({ length: copies }, () => this.deliver(envelope, undefined));
    return first ?? Promise.resolve(undefined);
  }

  /** Holds events back until `release`. */
  hold(): void {
    this.held ??= [];
  }

  /** Delivers the held events: in order, in reverse, or only every second one. */
  release(order: 'same' | 'reverse' | 'halved' = 'same'): void {
    const held = this.held ?? [];
    this.held = undefined;
    const chosen =
      order === 'reverse' ? held.toReversed() : held.filter((_, index) => order === 'same' || index % 2 === 0);
    for (const envelope of chosen) void this.send(envelope);
  }

  /** While on, events are lost; messages are still in the history. */
  drop(isDropping: boolean): void {
    this.isDropping = isDropping;
  }

  /** The next events are delivered twice. */
  duplicate(count = 1): void {
    this.toDuplicate += count;
  }

  /** Redelivers now all events that wait for their next attempt. */
  retryNow(): void {
    for (const { timer, envelope, retry } of [...this.waiting]) {
      clearTimeout(timer);
      void this.deliver(envelope, retry);
    }
    this.waiting.clear();
  }

  /** Deliveries that are neither acknowledged nor given up. */
  pending(): number {
    return this.inProgress + this.waiting.size + (this.held?.length ?? 0);
  }

  close(): void {
    for (const { timer } of this.waiting) clearTimeout(timer);
    this.waiting.clear();
  }

  private async deliver(envelope: Envelope, retry: Retry | undefined): Promise<JsonMap | undefined> {
    this.inProgress += 1;
    const delivered = await this.transport()(envelope, retry);
    this.inProgress -= 1;
    if (delivered.ok) return delivered.response;
    if (envelope.kind !== 'events_api') {
      this.failures.push({ kind: envelope.kind, reason: delivered.reason });
      return undefined;
    }
    const attempt = (retry?.attempt ?? 0) + 1;
    const delayMs = this.delaysMs[attempt - 1];
    if (delayMs === undefined || delivered.isFinal) return undefined;
    const next: Retry = { attempt, reason: delivered.reason };
    const timer = setTimeout(() => {
      this.waiting.delete(waiting);
      void this.deliver(envelope, next);
    }, delayMs).unref();
    const waiting: Waiting = { envelope, retry: next, timer };
    this.waiting.add(waiting);
    return undefined;
  }
}
