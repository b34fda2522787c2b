export interface AvailabilityOptions {
  /** Whether a new connection can be opened, and can write. */
  readonly answers: () => Promise<boolean>;
  /** Called before each check while the database is away. */
  readonly onCheck: () => void;
}

/** Tracks whether the database is reachable: it is away once a connection broke and a new one fails too, until one succeeds. */
export class Availability {
  readonly #options: AvailabilityOptions;
  readonly #listeners: ((available: boolean) => void)[] = [];
  #available = true;
  #suspecting = false;
  #probing: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: AvailabilityOptions) {
    this.#options = options;
  }

  get available(): boolean {
    return this.#available && !this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  onChange(listener: (available: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Call this when a connection broke, or none was available in time. */
  suspect(): void {
    if (!this.available || this.#suspecting) return;
    this.#suspecting = true;
    void this.#options
      .answers()
      .catch(() => false)
      .then((there) => {
        if (!there) this.#lost();
        this.#suspecting = false;
      });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#probing);
  }

  #lost(): void {
    if (!this.available) return;
    this.#available = false;
    for (const listener of this.#listeners) listener(false);
    this.#probe(100);
  }

  #probe(waitMs: number): void {
    if (this.#closed) return;
    this.#probing = setTimeout(() => {
      this.#options.onCheck();
      void this.#options
        .answers()
        .catch(() => false)
        .then((there) => {
          if (!there) return this.#probe(Math.min(waitMs * 2, 3000));
          this.#available = true;
          for (const listener of this.#listeners) listener(true);
        });
    }, waitMs);
  }
}
