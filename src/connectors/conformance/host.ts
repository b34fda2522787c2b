import { randomUUID } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import {
  keyText,
  type ConnectorHost,
  type IncomingEvent,
  type Operation,
  type Part,
  type RequestKey,
} from '../connector.ts';

/** A host that records everything. Like the core, it stores each id once, and the cursor with the events. */
export class RecordingHost implements ConnectorHost {
  cursor: string | null;
  readonly cursorAt: Date | null = null;
  readonly events: IncomingEvent[] = [];
  /** Keys as text, which can be compared with `===`. */
  readonly echoes: { key: string; remoteId: string }[] = [];
  readonly memberships: { room: string; state: string; detail: string | undefined }[] = [];
  readonly states: boolean[] = [];
  readonly failures: unknown[] = [];
  readonly logged: string[] = [];
  /** In order: `echo KEY`, `event ID`, `cursor`. */
  readonly history: string[] = [];
  /** How many of the next calls of `receive` to reject. */
  rejections = 0;
  receiving = 0;
  overlapped = false;
  readonly names = new Map<string, string>();
  private readonly configured: readonly string[];
  private readonly seen: Set<string>;
  private readonly changes: (() => void)[] = [];

  /** `before`: the host before a restart; its cursor and the ids it has seen are reused. */
  constructor(configured: readonly string[], before?: RecordingHost) {
    this.configured = configured;
    this.cursor = before?.cursor ?? null;
    this.seen = before?.seen ?? new Set();
  }

  async receive(events: readonly IncomingEvent[], cursor: string | null): Promise<void> {
    this.receiving += 1;
    if (this.receiving > 1) this.overlapped = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.receiving -= 1;
    if (this.rejections > 0) {
      this.rejections -= 1;
      throw new Error('the database is unreachable');
    }
    for (const event of events) {
      JSON.stringify(event);
      if (this.seen.has(event.id)) continue;
      this.seen.add(event.id);
      this.events.push(event);
      this.history.push(`event ${event.id}`);
    }
    this.cursor = cursor;
    this.history.push('cursor');
    this.changed();
  }

  async echo(key: RequestKey, remoteId: string): Promise<void> {
    this.echoes.push({ key: keyText(key), remoteId });
    this.history.push(`echo ${keyText(key)}`);
    this.changed();
    await Promise.resolve();
  }

  async membership(room: string, state: 'joined' | 'left' | 'encrypted', detail?: string): Promise<void> {
    this.memberships.push({ room, state, detail });
    this.changed();
    await Promise.resolve();
  }

  isConfigured(room: string): boolean {
    return this.configured.includes(room) || [...this.names.values()].includes(room);
  }

  rooms(): readonly string[] {
    return this.configured;
  }

  async resolved(configured: string, room: string): Promise<void> {
    this.names.set(configured, room);
    this.changed();
    await Promise.resolve();
  }

  state(up: boolean): void {
    this.states.push(up);
    this.changed();
  }

  failed(error: unknown): void {
    this.failures.push(error);
    this.changed();
  }

  now(): Date {
    return new Date();
  }

  readonly log = {
    debug: (): void => {},
    info: (_: object, text: string): void => this.note(text),
    warn: (_: object, text: string): void => this.note(text),
    error: (_: object, text: string): void => this.note(text),
  };

  private note(text: string): void {
    this.logged.push(text);
    this.changed();
  }

  /** Resolves when the condition is true; checks it whenever something is recorded. */
  async until(what: string, condition: () => boolean, withinMs = 30_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.changes.splice(this.changes.indexOf(look), 1);
        reject(new Error(`never happened: ${what}; recorded: ${this.recorded()}`));
      }, withinMs);
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.changes.splice(this.changes.indexOf(look), 1);
        resolve();
      };
      this.changes.push(look);
    });
  }

  private recorded(): string {
    const { echoes, memberships, states, logged, events } = this;
    const failures = this.failures.map(messageOf);
    // Events last, because they may be truncated.
    return JSON.stringify({ echoes, memberships, states, failures, logged, events }).slice(0, 2000);
  }

  /** The texts of messages, in order. */
  texts(): string[] {
    return this.events.flatMap((event) => (event.type === 'message' ? [event.text] : []));
  }

  private changed(): void {
    for (const look of this.changes.slice()) look();
  }
}

/** A new key, as delivery creates them. */
export function newKey(): RequestKey {
  return { uuid: randomUUID(), count: 1 };
}

export function sendOf(
  room: string,
  part: Part | undefined,
  more: Partial<Extract<Operation, { type: 'send' }>> = {},
): Extract<Operation, { type: 'send' }> {
  if (!part) throw new Error('nothing was rendered');
  return { type: 'send', key: newKey(), room, part, unknownTries: 0, ...more };
}
