import { z, type Actor, type RoomAddress } from '#skill';

const SLOW = 'What to do in a rate-limited room: post fewer numbers, edit one message, or stop.';
export const countdownOptions = z.strictObject({
  rooms: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Rooms in which the bot counts; default: every configured room.'),
  max: z.int().min(1).max(9999).default(9999).describe('Longest count allowed, in seconds. Default 9999.'),
  slow: z.enum(['steps', 'edit', 'stop']).default('steps').describe(SLOW),
});
export type CountdownOptions = z.output<typeof countdownOptions>;

/** A row of `countdowns`. The k-th of its numbers is due k seconds after `startedAt`, k = 1 … `length`. */
export interface Count extends RoomAddress {
  readonly id: number;
  readonly began: Actor;
  readonly down: boolean;
  readonly length: number;
  readonly startedAt: Date;
  readonly step: number;
  readonly planned: number;
  readonly told: number;
}

/** A number expires this long before the next is due, so that a stall never ends in a burst. */
const MARGIN_MS = 100;

/** A whole number from 1 to `max` in plain digits; undefined for anything else: `1e3`, `0x10`, `٣`, `007`, `1.5`. */
export function parseLength(text: string, max: number): number | undefined {
  const digits = /^([1-9][0-9]{0,3})[.,;:!?]*$/.exec(text)?.[1];
  return digits !== undefined && Number(digits) <= max ? Number(digits) : undefined;
}

export const dueAt = (count: Count, k: number): Date => new Date(count.startedAt.getTime() + k * 1000);
/** The last k that is due at `now`; 0 before the first. */
export const positionAt = ({ startedAt, length }: Count, now: Date): number =>
  Math.max(0, Math.min(length, Math.floor((now.getTime() - startedAt.getTime()) / 1000)));
/** The text of the k-th number. */
export const numberOf = ({ down, length }: Count, k: number): string => String(down ? length + 1 - k : k);

/** Each k in `from` … `to` that is posted at the current step, in order: multiples of the step, and the last. */
export function numbersBetween(count: Count, from: number, to: number): number[] {
  const all = Array.from({ length: Math.max(0, Math.min(to, count.length) - from + 1) }, (_, index) => from + index);
  return all.filter((k) => k >= 1 && (k === count.length || Number(numberOf(count, k)) % count.step === 0));
}

/** When the k-th number expires: just before the next one is due. */
export function validUntil(count: Count, k: number): Date {
  const [next = k + count.step] = numbersBetween(count, k + 1, k + count.step);
  return new Date(dueAt(count, next).getTime() - MARGIN_MS);
}

/**
 * A step for a room that allows one message every `everyMs`; larger than `step`, which was too fast. Rounded up to a multiple
 * of 5, because the first rate limit may arrive near the end of a wait and then understates the interval.
 */
export function slowerStep(step: number, everyMs: number): number {
  const needed = Math.ceil(Math.max(everyMs / 1000, step + 1));
  return Math.ceil(needed / 5) * 5;
}
