import type pg from 'pg';
import type { Database } from '../db/database.ts';

const CHANNEL = 'watchbell';
/** NOTIFY takes a lock on the whole database at commit, so it is sent seldom and never inside an event's transaction. */
const SEND_EVERY_MS = 10;
/** Postgres refuses more than 8,000 bytes. */
const MAX_PAYLOAD = 7000;
const RECONNECT_MS = 2000;
/** A server that has vanished without a word is noticed by this; who only listens would never hear of it. */
const PING_EVERY_MS = 5000;
const END_WITHIN_MS = 1000;

/** A room in which something waits. */
export interface WokenRoom {
  readonly connector: string;
  readonly room: string;
  /** Nothing can be sent before then; null: look now. */
  readonly notBefore: Date | null;
  /** 0 goes before 1. */
  readonly queue: number;
}

/** Tells other replicas which rooms have changed. Only makes things faster: polling each second does the same work. */
export class Notifier {
  readonly #database: Database;
  readonly #pauses: { readonly pingEveryMs: number; readonly reconnectMs: number };
  readonly #replica: string;
  readonly #onChange: (changes: readonly WokenRoom[] | 'all') => void;
  readonly #waiting = new Map<string, WokenRoom>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #stopped = false;
  #alone = true;

  constructor(
    database: Database,
    replica: string,
    onChange: (changes: readonly WokenRoom[] | 'all') => void,
    { pingEveryMs = PING_EVERY_MS, reconnectMs = RECONNECT_MS } = {},
  ) {
    this.#pauses = { pingEveryMs, reconnectMs };
    this.#database = database;
    this.#replica = replica;
    this.#onChange = onChange;
  }

  async start(): Promise<void> {
    if (this.#stopped) return;
    let client: pg.Client | undefined;
    try {
      client = await this.#database.dedicated();
      const mine = client;
      client.on('notification', (message) => this.#heard(message.payload ?? ''));
      client.on('end', () => this.#lost(mine));
      await client.query(`listen ${CHANNEL}`);
      if (this.#stopped) {
        await client.end();
        return;
      }
      this.#client = client;
      this.#pingSoon(client);
      // What was said while nobody listened.
      this.#onChange('all');
    } catch {
      await client?.end().catch(() => {});
      this.#lost(undefined);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#ping);
    clearTimeout(this.#reconnect);
    const ended = this.#client?.end().catch(() => {});
    // One that nobody answers on would not end for a quarter of an hour.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS).unref())]);
  }

  /** How many other replicas live; nobody is told when nobody listens. */
  others(count: number): void {
    this.#alone = count === 0;
  }

  changed(changes: readonly WokenRoom[]): void {
    if (this.#alone || this.#stopped) return;
    for (const change of changes)
      this.#waiting.set(
        `${change.connector}\n${change.room}\n${change.notBefore?.getTime() ?? ''}\n${change.queue}`,
        change,
      );
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => void this.#send(), SEND_EVERY_MS);
  }

  /** One after another: on a connection that hangs no more than what changed meanwhile waits. */
  async #send(): Promise<void> {
    const client = this.#client;
    for (const payload of this.#take())
      if (client) await this.#ask(client, 'select pg_notify($1, $2)', [CHANNEL, payload]);
    this.#timer = undefined;
    this.changed([]);
  }

  #take(): string[] {
    const payloads: string[] = [];
    const begin = `[${JSON.stringify(this.#replica)}`;
    let payload = begin;
    for (const { connector, room, notBefore, queue } of this.#waiting.values()) {
      const change = `,${JSON.stringify([connector, room, notBefore?.getTime() ?? null, queue])}`;
      if (Buffer.byteLength(payload) + Buffer.byteLength(change) > MAX_PAYLOAD) {
        payloads.push(`${payload}]`);
        payload = begin;
      }
      payload += change;
    }
    this.#waiting.clear();
    return [...payloads, `${payload}]`];
  }

  #pingSoon(client: pg.Client): void {
    this.#ping = setTimeout(() => {
      void this.#ask(client, 'select 1').then(() => {
        if (client === this.#client && !this.#stopped) this.#pingSoon(client);
      });
    }, this.#pauses.pingEveryMs);
  }

  /** A connection that fails is given up; its end makes another. */
  async #ask(client: pg.Client, text: string, parameters?: string[]): Promise<void> {
    try {
      await client.query(text, parameters);
    } catch {
      void client.end().catch(() => {});
    }
  }

  #heard(payload: string): void {
    try {
      const [from, ...changes] = JSON.parse(payload) as [string, ...[string, string, number | null, number][]];
      if (from === this.#replica) return;
      this.#onChange(
        changes.map(([connector, room, ms, queue]) => ({
          ...{ connector, room, queue },
          notBefore: ms === null ? null : new Date(ms),
        })),
      );
    } catch {
      // not one of ours; polling finds what it may have meant
    }
  }

  #lost(client: pg.Client | undefined): void {
    if (client !== this.#client || this.#stopped) return;
    this.#client = undefined;
    clearTimeout(this.#ping);
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => void this.start(), this.#pauses.reconnectMs);
  }
}
