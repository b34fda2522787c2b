import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './postgres.ts';

/** A connection to the database that tests can cut and restore. */
export class Line {
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port: number;

  /** Refuses connections until restored. `port`: where to listen; default: a free one, which is reserved while cut. */
  constructor(url: string, port = 0) {
    this.port = port;
    const target = new URL(url);
    this.#target = { host: target.hostname, port: Number(target.port) };
  }

  async mend(): Promise<void> {
    const server = createServer((socket) => {
      const onward = connect(this.#target);
      for (const one of [socket, onward]) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          socket.destroy();
          onward.destroy();
        });
      }
      socket.pipe(onward);
      onward.pipe(socket);
    });
    this.port ||= await freePort();
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.#server = server;
  }

  /** Existing connections silently stop receiving anything; new connections work. */
  stall(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
