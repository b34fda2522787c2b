export interface AvailabilityOptions {
  /** Whether a fresh connection can be made, and written on. */
  readonly answers: () => Promise<boolean>;
  /** Before each look while the database is away. */
  readonly onLook: () => void;
}

/** Knows whether the database is there: it is away when a connection broke and a fresh one fails too, until one does not. */
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

  /** One connection broke, or none was to be had in time. */
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
      this.#options.onLook();
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
