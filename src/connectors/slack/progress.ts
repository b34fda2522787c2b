import { tsAt } from './ids.ts';

/** Slack delivers an event again for about six minutes, and not always in order: so much is read again after a gap. */
const OVERLAP_MS = 10 * 60_000;

/** Up to where what was said is stored: the cursor, which says also where listening began. */
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

  /** Without a cursor that can be read, listening begins now. */
  static of(cursor: string | null, now: Date): Progress {
    const [, began, until] = /^(\d+\.\d+)\/(\d+\.\d+)$/.exec(cursor ?? '') ?? [];
    const here = tsAt(now.getTime());
    return new Progress(began ?? here, until ?? here);
  }

  /** After a gap, what came after this is read. */
  get from(): string {
    return later(this.#began, tsAt(Number(this.#until) * 1000 - OVERLAP_MS));
  }

  /** It was said before listening began. */
  isPast(ts: string): boolean {
    return Number(ts) < Number(this.#began);
  }

  /** Nothing later counts until `release`: something from before may be missing. */
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
