import { randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { InteractionTarget } from '../../src/connectors/connector.ts';
import type { Said } from './said.ts';

interface Buttons {
  /** Their labels. */
  buttons?: readonly string[] | undefined;
  /** The identifiers for a press on them. */
  press?: InteractionTarget | undefined;
}

type Entry = Omit<Said, 'text' | 'press'> & { text: string | undefined } & { shows: Buttons; press?: Said['press'] };

/** What happens to a request; `cut` and `lose` close the connection, before and after it is executed. */
export type Mode = 'ordinary' | 'slow' | 'lose' | 'hang' | 'cut';

interface Asked {
  readonly ask: number;
  readonly do: string;
  readonly room: string;
  readonly key: string;
  readonly text?: string;
  readonly target?: string;
  readonly buttons?: readonly string[];
  readonly press?: InteractionTarget;
  /** Only this account sees it. */
  readonly only?: string;
}

export interface Whisper {
  readonly id: string;
  readonly room: string;
  readonly only: string;
  readonly text: string;
}

/**
 * The server of the line protocol. It remembers every key, except those of messages for one account: if repeated, they are
 * shown twice. Tests can make it fail once, or randomly.
 */
export class LineServer {
  readonly account = 'bot';
  token = 'line-token';
  port = 0;
  /** What happens to the next request. */
  next: Mode = 'ordinary';
  /** What happens to later requests. */
  usually: () => Mode = () => 'ordinary';
  /** How many earlier entries a new connection gets again. */
  repeats = 0;
  slowMs = 1500;
  readonly whispers: Whisper[] = [];
  readonly #log: Entry[] = [];
  readonly #keys = new Map<string, string>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The messages of the room; for an account, including those only it can see. */
  shown(room: string, account?: string): { id: string; text: string; mine: boolean; press?: InteractionTarget }[] {
    const toAll = this.#log.flatMap(({ id, room: at, text, by, press, shows }) =>
      at === room && text !== undefined && !press
        ? [{ id, text, mine: by === this.account, ...(shows.press && { press: shows.press }) }]
        : [],
    );
    const toOne = this.whispers.filter(({ room: at, only }) => at === room && only === account);
    return [...toAll, ...toOne.map(({ id, text }) => ({ id, text, mine: true }))];
  }

  say(room: string, by: string, text: string): string {
    return this.#add({ room, by, text, shows: {} });
  }

  /** Presses a button that the room shows. */
  press(room: string, by: string, target: string, index: number): void {
    const press = this.shown(room).find(({ id }) => id === target)?.press;
    if (!press) throw new Error(`the message "${target}" in the room "${room}" has no button`);
    this.#add({ room, by, text: '', shows: {}, press: { ...press, index } });
  }

  #add(said: Omit<Entry, 'number' | 'id' | 'at'>): string {
    const entry = { ...said, number: this.#log.length + 1, id: randomUUID(), at: new Date().toISOString() };
    this.#log.push(entry);
    for (const socket of this.#sockets) write(socket, { said: entry });
    return entry.id;
  }

  #serve(socket: Socket): void {
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    const reader = createInterface({ input: socket });
    reader.on('error', () => {}); // it also gets the socket's errors
    reader.on('line', (row) => {
      const heard = JSON.parse(row) as Asked | { hello: string; since: number | null };
      if ('ask' in heard) this.#answer(socket, heard);
      else if (heard.hello !== this.token) socket.end(`${JSON.stringify({ refused: 'token' })}\n`);
      else {
        write(socket, { welcome: this.account, newest: this.#log.length });
        for (const entry of this.#since(heard.since)) write(socket, { said: entry });
        this.#sockets.add(socket);
      }
    });
  }

  #since(number: number | null): readonly Entry[] {
    return number === null ? [] : this.#log.slice(Math.max(0, number - this.repeats));
  }

  #answer(socket: Socket, asked: Asked): void {
    const mode = this.next === 'ordinary' ? this.usually() : this.next;
    this.next = 'ordinary';
    if (mode === 'hang') return;
    if (mode === 'cut') return void socket.destroy();
    if (mode === 'slow') return write(socket, { answer: asked.ask, refused: 'slow', waitMs: this.slowMs });
    if (!this.#sockets.has(socket)) return write(socket, { answer: asked.ask, refused: 'token' });
    const id = this.#keys.get(asked.key) ?? this.#do(asked);
    if (id === undefined) return write(socket, { answer: asked.ask, refused: 'gone' });
    if (asked.only === undefined) this.#keys.set(asked.key, id);
    if (mode === 'lose') socket.destroy();
    else write(socket, { answer: asked.ask, id });
  }

  #do({ do: what, room, key, text = '', target, buttons, press, only }: Asked): string | undefined {
    if (what === 'send' && only !== undefined) {
      const whisper = { id: randomUUID(), room, only, text };
      this.whispers.push(whisper);
      return whisper.id;
    }
    if (what === 'send') return this.#add({ room, by: this.account, text, key, shows: { buttons, press } });
    const entry = this.#log.find(({ id, text: shown }) => id === target && shown !== undefined);
    if (!entry) return undefined;
    entry.text = what === 'edit' ? text : undefined;
    entry.shows = { buttons, press };
    return entry.id;
  }

  /** From now on the account is rejected, and existing connections are told so. */
  lockOut(): void {
    this.token = randomUUID();
    this.#sockets.clear();
  }
}

function write(socket: Socket, what: object): void {
  socket.write(`${JSON.stringify(what)}\n`);
}
