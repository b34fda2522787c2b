import { tsAt } from './ids.ts';

/** Reread after a gap, because Slack redelivers events for about six minutes, not always in order. */
const OVERLAP_MS = 10 * 60_000;

/** How far messages are stored. The cursor also records when listening began. */
export class Progress {
  readonly #began: string;
  #until: string;
  #newest: string;
  #held = false;

  private constructor(began: string, until: string) {
    this.#began = began;
    this.#until = until;
    this.#newest = until;
  }

  /** Without a readable cursor, listening begins now. */
  static of(cursor: string | null, now: Date): Progress {
    const [, began, until] = /^(\d+\.\d+)\/(\d+\.\d+)$/.exec(cursor ?? '') ?? [];
    const here = tsAt(now.getTime());
    return new Progress(began ?? here, until ?? here);
  }

  /** After a gap, the history is read from here. */
  get from(): string {
    return later(this.#began, tsAt(Number(this.#until) * 1000 - OVERLAP_MS));
  }

  /** Whether a message is from before listening began. */
  isPast(ts: string): boolean {
    return Number(ts) < Number(this.#began);
  }

  /** The cursor does not advance until `release`: earlier messages may be missing. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#until = this.#newest;
  }

  saw(ts: string): void {
    this.#newest = later(this.#newest, ts);
    if (!this.#held) this.#until = this.#newest;
  }

  get cursor(): string {
    return `${this.#began}/${this.#until}`;
  }
}

function later(one: string, other: string): string {
  return Number(one) > Number(other) ? one : other;
}
