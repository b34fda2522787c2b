import type { Clock } from '../clock.ts';

/** A message is frozen up to this long before its time. (Frozen when due, the last of 1,000 was 370 ms late.) */
export const FREEZE_EARLY_MS = 500;
/** Alarms are rounded up to this, so that many rooms are read together. */
const ROUND_UP_MS = 50;

/** Wakes rooms at given times, all rooms of one moment together. */
export class Alarms {
  readonly #clock: Clock;
  readonly #ring: (rooms: ReadonlySet<string>) => void;
  readonly #set = new Map<number, { readonly rooms: Set<string>; readonly cancel: () => void }>();

  constructor(clock: Clock, ring: (rooms: ReadonlySet<string>) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(room: string, time: Date): void {
    const at = Math.ceil(time.getTime() / ROUND_UP_MS) * ROUND_UP_MS;
    const there = this.#set.get(at);
    if (there) return void there.rooms.add(room);
    const rooms = new Set([room]);
    const ring = (): void => {
      this.#set.delete(at);
      // The clock was adjusted, or the timer is a little early.
      if (at > this.#clock.now().getTime()) for (const one of rooms) this.set(one, time);
      else this.#ring(rooms);
    };
    this.#set.set(at, { rooms, cancel: this.#clock.after(at - this.#clock.now().getTime(), ring) });
  }

  clear(): void {
    for (const { cancel } of this.#set.values()) cancel();
    this.#set.clear();
  }
}
