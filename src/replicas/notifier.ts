import type pg from 'pg';
import type { Database } from '../db/database.ts';

const CHANNEL = 'watchbell';
/** NOTIFY takes a lock on the whole database at commit, so it is sent rarely and never inside an event's transaction. */
const SEND_EVERY_MS = 10;
/** Postgres rejects more than 8,000 bytes. */
const MAX_PAYLOAD = 7000;
const RECONNECT_MS = 2000;
/** Pings detect a server that vanished silently; LISTEN alone would never notice. */
const PING_EVERY_MS = 5000;
const END_WITHIN_MS = 1000;

/** A room with pending messages. */
export interface ChangedRoom {
  readonly connector: string;
  readonly room: string;
  /** Nothing can be sent before then; null: check now. */
  readonly notBefore: Date | null;
  /** 0 has priority over 1. */
  readonly queue: number;
}

/** Notifies other replicas of changed rooms. It only saves time: polling each second finds the same. */
export class Notifier {
  readonly #database: Database;
  readonly #pauses: { readonly pingEveryMs: number; readonly reconnectMs: number };
  readonly #replica: string;
  readonly #onChange: (changes: readonly ChangedRoom[] | 'all') => void;
  readonly #waiting = new Map<string, ChangedRoom>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #stopped = false;
  #alone = true;

  constructor(
    database: Database,
    replica: string,
    onChange: (changes: readonly ChangedRoom[] | 'all') => void,
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
      // Notifications may have been missed.
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
    // A dead connection would take a quarter of an hour to end.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS).unref())]);
  }

  /** Number of other live replicas; without any, nothing is sent. */
  others(count: number): void {
    this.#alone = count === 0;
  }

  changed(changes: readonly ChangedRoom[]): void {
    if (this.#alone || this.#stopped) return;
    for (const change of changes)
      this.#waiting.set(
        `${change.connector}\n${change.room}\n${change.notBefore?.getTime() ?? ''}\n${change.queue}`,
        change,
      );
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => void this.#send(), SEND_EVERY_MS);
  }

  /** One at a time, so that on a hanging connection only the latest changes wait. */
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

  /** Ends a connection that fails, which opens a new one. */
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
      // not one of ours; polling finds anything missed
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
