import { fork, type ChildProcess } from 'node:child_process';

const alive = new Set<ChildProcess>();
let watching = false;

/** Exits with this process at the latest, however that exits. */
export function keepTrack(child: ChildProcess): Promise<void> {
  if (!watching) {
    watching = true;
    process.on('exit', () => {
      for (const one of alive) one.kill('SIGKILL');
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  }
  alive.add(child);
  return new Promise((resolve) => {
    child.once('exit', () => {
      alive.delete(child);
      resolve();
    });
  });
}

/** A helper in its own process, so that its CPU time does not count as ours; it handles one order at a time. */
export class Helper {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(file: string, argument: unknown) {
    this.#child = fork(new URL(file, import.meta.url), [JSON.stringify(argument)], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#exited = keepTrack(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Its next message. @throws if it exits first. */
  said<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', (message) => resolve(message as T));
      void this.#exited.then(() => reject(new Error('a helper process ended early')));
    });
  }

  order<T>(order: unknown): Promise<T> {
    const answer = this.said<T>();
    this.#child.send(order as object);
    return answer;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
