import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './postgres.ts';

/** The way to the database, which a test can cut and mend. */
export class Line {
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port: number;

  /** Nothing answers before it is mended; `port`: where; left out, one that is free then, and stays so while it is cut. */
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

  /** What is connected now hears nothing any more, and is not told; who connects from now on is served. */
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
