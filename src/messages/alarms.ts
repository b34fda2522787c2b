import type { Clock } from '../clock.ts';

/** What becomes due within so long rings at the end of it: a look for each of 1,000 counts costs more than they wait. */
const TOGETHER_MS = 4;

/** Rings for rooms when what waits in them becomes due: once for all of the same few milliseconds, so that they are looked into together. */
export class Alarms {
  readonly #clock: Clock;
  readonly #ring: (rooms: ReadonlySet<string>) => void;
  readonly #set = new Map<number, { readonly rooms: Set<string>; readonly callOff: () => void }>();

  constructor(clock: Clock, ring: (rooms: ReadonlySet<string>) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(room: string, due: Date): void {
    const at = Math.ceil(due.getTime() / TOGETHER_MS) * TOGETHER_MS;
    const there = this.#set.get(at);
    if (there) return void there.rooms.add(room);
    const rooms = new Set([room]);
    const ring = (): void => {
      this.#set.delete(at);
      // The clock was put right meanwhile, or the timer is a little early.
      if (at > this.#clock.now().getTime()) for (const one of rooms) this.set(one, due);
      else this.#ring(rooms);
    };
    this.#set.set(at, { rooms, callOff: this.#clock.after(at - this.#clock.now().getTime(), ring) });
  }

  clear(): void {
    for (const { callOff } of this.#set.values()) callOff();
    this.#set.clear();
  }
}
