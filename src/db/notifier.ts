import type pg from 'pg';
import type { Database } from './database.ts';

const CHANNEL = 'watchbell';
/** NOTIFY takes a lock on the whole database at commit, so it is sent seldom and never inside an event's transaction. */
const SEND_EVERY_MS = 10;
/** Postgres refuses more than 8,000 bytes. */
const MAX_PAYLOAD = 7000;
const RECONNECT_MS = 2000;

export interface RoomChange {
  readonly connector: string;
  readonly room: string;
  /** Nothing can be sent before then. */
  readonly notBefore: Date | null;
  readonly queue: number;
}

/** Tells other replicas which rooms have changed. Only makes things faster: polling each second does the same work. */
export class Notifier {
  readonly #database: Database;
  readonly #replica: string;
  readonly #onChange: (changes: readonly RoomChange[] | 'all') => void;
  readonly #waiting = new Map<string, RoomChange>();
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #stopped = false;
  #alone = true;

  constructor(database: Database, replica: string, onChange: (changes: readonly RoomChange[] | 'all') => void) {
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
      this.#client = client;
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
    clearTimeout(this.#reconnect);
    await this.#client?.end().catch(() => {});
  }

  /** How many other replicas live; nobody is told when nobody listens. */
  others(count: number): void {
    this.#alone = count === 0;
  }

  changed(changes: readonly RoomChange[]): void {
    if (this.#alone || this.#stopped) return;
    for (const change of changes)
      this.#waiting.set(
        `${change.connector}\n${change.room}\n${change.notBefore?.getTime() ?? ''}\n${change.queue}`,
        change,
      );
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#send(), SEND_EVERY_MS);
  }

  #send(): void {
    this.#timer = undefined;
    const payload = JSON.stringify([
      this.#replica,
      ...[...this.#waiting.values()].map(({ connector, room, notBefore, queue }) => [
        connector,
        room,
        notBefore?.getTime() ?? null,
        queue,
      ]),
    ]);
    this.#waiting.clear();
    const said = Buffer.byteLength(payload) > MAX_PAYLOAD ? JSON.stringify([this.#replica, '*']) : payload;
    this.#client?.query('select pg_notify($1, $2)', [CHANNEL, said]).catch(() => {});
  }

  #heard(payload: string): void {
    try {
      const [from, ...changes] = JSON.parse(payload) as [
        string,
        ...(string | [string, string, number | null, number])[],
      ];
      if (from === this.#replica) return;
      if (changes.includes('*')) this.#onChange('all');
      else
        this.#onChange(
          changes
            .filter((change) => typeof change !== 'string')
            .map(([connector, room, ms, queue]) => ({
              connector,
              room,
              notBefore: ms === null ? null : new Date(ms),
              queue,
            })),
        );
    } catch {
      // not one of ours; polling finds what it may have meant
    }
  }

  #lost(client: pg.Client | undefined): void {
    if (client !== this.#client || this.#stopped) return;
    this.#client = undefined;
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => void this.start(), RECONNECT_MS);
  }
}
