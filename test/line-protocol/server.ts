import { randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

interface Entry {
  readonly number: number;
  readonly id: string;
  readonly room: string;
  readonly by: string;
  text: string | undefined;
  readonly at: string;
  readonly key?: string;
}

interface Asked {
  readonly ask: number;
  readonly do: string;
  readonly room: string;
  readonly key: string;
  readonly text?: string;
  readonly target?: string;
}

/** The server of the line protocol, in this process; it keeps every key, and tests can make it fail once. */
export class LineServer {
  readonly account = 'bot';
  token = 'line-token';
  port = 0;
  /** What becomes of the next request. */
  next: 'ordinary' | 'slow' | 'lose' | 'hang' = 'ordinary';
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

  shown(room: string): { id: string; text: string; mine: boolean }[] {
    return this.#log.flatMap(({ id, room: at, text, by }) =>
      at === room && text !== undefined ? [{ id, text, mine: by === this.account }] : [],
    );
  }

  say(room: string, by: string, text: string, key?: string): string {
    const entry: Entry = {
      ...{ number: this.#log.length + 1, id: randomUUID(), room, by, text, at: new Date().toISOString() },
      ...(key !== undefined && { key }),
    };
    this.#log.push(entry);
    for (const socket of this.#sockets) write(socket, { said: entry });
    return entry.id;
  }

  #serve(socket: Socket): void {
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    createInterface({ input: socket }).on('line', (row) => {
      const heard = JSON.parse(row) as Asked | { hello: string; since: number | null };
      if ('ask' in heard) this.#answer(socket, heard);
      else if (heard.hello !== this.token) socket.end(`${JSON.stringify({ refused: 'token' })}\n`);
      else {
        write(socket, { welcome: this.account, newest: this.#log.length });
        for (const entry of this.#log.slice(heard.since ?? this.#log.length)) write(socket, { said: entry });
        this.#sockets.add(socket);
      }
    });
  }

  #answer(socket: Socket, asked: Asked): void {
    const mode = this.next;
    this.next = 'ordinary';
    if (mode === 'hang') return;
    if (mode === 'slow') return write(socket, { answer: asked.ask, refused: 'slow', waitMs: 1500 });
    if (!this.#sockets.has(socket)) return write(socket, { answer: asked.ask, refused: 'token' });
    const id = this.#keys.get(asked.key) ?? this.#do(asked);
    if (id === undefined) return write(socket, { answer: asked.ask, refused: 'gone' });
    this.#keys.set(asked.key, id);
    if (mode === 'lose') socket.destroy();
    else write(socket, { answer: asked.ask, id });
  }

  #do({ do: what, room, key, text = '', target }: Asked): string | undefined {
    if (what === 'send') return this.say(room, this.account, text, key);
    const entry = this.#log.find(({ id, text: shown }) => id === target && shown !== undefined);
    if (entry) entry.text = what === 'edit' ? text : undefined;
    return entry?.id;
  }

  /** From now on the account is not let in, and what is connected is told so. */
  lockOut(): void {
    this.token = randomUUID();
    this.#sockets.clear();
  }
}

function write(socket: Socket, what: object): void {
  socket.write(`${JSON.stringify(what)}\n`);
}
