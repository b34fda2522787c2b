import type { LineHead } from './lines.ts';
import type { WebLine, WebReader } from './web-chat.ts';

interface Reader extends WebReader {
  /** What the reader has: line → version and position. Undefined: it does not have its first lines yet. */
  known: Map<string, string> | undefined;
}

export interface RoomWatchOptions {
  readHeads(): Promise<readonly LineHead[]>;
  /** Some of these lines, at least one if any still exists. */
  readLines(ids: readonly string[]): Promise<readonly WebLine[]>;
}

/**
 * A room with readers. It compares the room with what each reader has: nothing depends on the order of commits,
 * and a slow reader gets the current state when it is ready, however much has changed meanwhile.
 */
export class RoomWatch {
  readonly #options: RoomWatchOptions;
  readonly #readers = new Set<Reader>();
  #isPolling = false;
  #again = false;

  constructor(options: RoomWatchOptions) {
    this.#options = options;
  }

  get isWatched(): boolean {
    return this.#readers.size > 0;
  }

  /** `begin`: the reader has these lines now, and gets the differences from them. */
  add(reader: WebReader): { begin(heads: readonly LineHead[]): void; remove(): void } {
    const added: Reader = { isReady: () => reader.isReady(), send: (lines) => reader.send(lines), known: undefined };
    this.#readers.add(added);
    return {
      begin: (heads) => {
        added.known = new Map(heads.map((head) => [head.id, mark(head)]));
      },
      remove: () => void this.#readers.delete(added),
    };
  }

  /** Sends changes to the readers that are ready. Never fails: if the database is unreachable, a later call sends them. */
  poll(): void {
    this.#again = true;
    if (!this.#isPolling) void this.#pollWhileNeeded();
  }

  async #pollWhileNeeded(): Promise<void> {
    this.#isPolling = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#pollOnce();
      }
    } catch {
      // The database is unreachable.
    } finally {
      this.#isPolling = false;
    }
  }

  async #pollOnce(): Promise<void> {
    const ready = [...this.#readers].filter((reader) => reader.known !== undefined && reader.isReady());
    if (ready.length === 0) return;
    const heads = await this.#options.readHeads();
    const wanted = heads
      .filter((head) => ready.some(({ known }) => known?.get(head.id) !== mark(head)))
      .map(({ id }) => id);
    const lines = wanted.length === 0 ? [] : await this.#options.readLines(wanted);
    // Remember only lines that may still change on the page, however long the room is watched.
    const kept = new Set(heads.map(({ id }) => id));
    for (const { known = new Map<string, string>(), send } of ready) {
      const changed = lines.filter((line) => known.get(line.id) !== mark(line));
      for (const line of changed) known.set(line.id, mark(line));
      for (const id of known.keys()) if (!kept.has(id)) known.delete(id);
      if (changed.length > 0) send(changed);
    }
    if (lines.length < wanted.length) this.#again = true;
  }
}

function mark({ version, seq }: LineHead): string {
  return `${version}:${seq}`;
}
