import type { LineHead } from './lines.ts';
import type { WebLine, WebReader } from './web-chat.ts';

interface Reader extends WebReader {
  /** What it was told: line → version and place. Undefined: it does not have its first lines yet. */
  told: Map<string, string> | undefined;
}

export interface RoomWatchOptions {
  readHeads(): Promise<readonly LineHead[]>;
  /** Some of these lines, at least one if any is still there. */
  readLines(ids: readonly string[]): Promise<readonly WebLine[]>;
}

/**
 * A room that is being read, compared with what each of its readers was told: nothing depends on the order of commits,
 * and a slow reader is told how the room stands when it is ready, however much has changed meanwhile.
 */
export class RoomWatch {
  readonly #options: RoomWatchOptions;
  readonly #readers = new Set<Reader>();
  #looking = false;
  #again = false;

  constructor(options: RoomWatchOptions) {
    this.#options = options;
  }

  get isWatched(): boolean {
    return this.#readers.size > 0;
  }

  /** `begin`: it has these lines now, and is told what differs from them. */
  add(reader: WebReader): { begin(heads: readonly LineHead[]): void; remove(): void } {
    const added: Reader = { isReady: () => reader.isReady(), tell: (lines) => reader.tell(lines), told: undefined };
    this.#readers.add(added);
    return {
      begin: (heads) => {
        added.told = new Map(heads.map((head) => [head.id, mark(head)]));
      },
      remove: () => void this.#readers.delete(added),
    };
  }

  /** Tells those who are ready what has changed. Never fails: while the database is away the next look tells. */
  look(): void {
    this.#again = true;
    if (!this.#looking) void this.#lookWhileNeeded();
  }

  async #lookWhileNeeded(): Promise<void> {
    this.#looking = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#lookOnce();
      }
    } catch {
      // The database is away.
    } finally {
      this.#looking = false;
    }
  }

  async #lookOnce(): Promise<void> {
    const ready = [...this.#readers].filter((reader) => reader.told !== undefined && reader.isReady());
    if (ready.length === 0) return;
    const heads = await this.#options.readHeads();
    const wanted = heads
      .filter((head) => ready.some(({ told }) => told?.get(head.id) !== mark(head)))
      .map(({ id }) => id);
    const lines = wanted.length === 0 ? [] : await this.#options.readLines(wanted);
    // Only what may still change on the page is remembered, however long the room is watched.
    const kept = new Set(heads.map(({ id }) => id));
    for (const { told = new Map<string, string>(), tell } of ready) {
      const changed = lines.filter((line) => told.get(line.id) !== mark(line));
      for (const line of changed) told.set(line.id, mark(line));
      for (const id of told.keys()) if (!kept.has(id)) told.delete(id);
      if (changed.length > 0) tell(changed);
    }
    if (lines.length < wanted.length) this.#again = true;
  }
}

function mark({ version, seq }: LineHead): string {
  return `${version}:${seq}`;
}
