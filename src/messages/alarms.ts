import type { Clock } from '../clock.ts';

/** So long before its time a message is frozen at the earliest: looked for when it is due, the last of 1,000 is 370 ms late. */
export const AHEAD_MS = 500;
/** What is to ring within so long rings at the end of it, so that many rooms are looked into together. */
const TOGETHER_MS = 50;

/** Rings for rooms, once for all of the same moment. */
export class Alarms {
  readonly #clock: Clock;
  readonly #ring: (rooms: ReadonlySet<string>) => void;
  readonly #set = new Map<number, { readonly rooms: Set<string>; readonly callOff: () => void }>();

  constructor(clock: Clock, ring: (rooms: ReadonlySet<string>) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(room: string, time: Date): void {
    const at = Math.ceil(time.getTime() / TOGETHER_MS) * TOGETHER_MS;
    const there = this.#set.get(at);
    if (there) return void there.rooms.add(room);
    const rooms = new Set([room]);
    const ring = (): void => {
      this.#set.delete(at);
      // The clock was put right meanwhile, or the timer is a little early.
      if (at > this.#clock.now().getTime()) for (const one of rooms) this.set(one, time);
      else this.#ring(rooms);
    };
    this.#set.set(at, { rooms, callOff: this.#clock.after(at - this.#clock.now().getTime(), ring) });
  }

  clear(): void {
    for (const { callOff } of this.#set.values()) callOff();
    this.#set.clear();
  }
}
