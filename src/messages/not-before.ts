import type { Planned } from './attempts.ts';
import type { MessageRow } from './message-rows.ts';

type Due = Pick<MessageRow, 'not_before'>;

/** Milliseconds until a message may be sent; 0 if it is due. */
export const earlyMsOf = ({ not_before: due }: Due, now: Date): number =>
  Math.max(0, (due?.getTime() ?? 0) - now.getTime());

/** Due rows in their order, then the others by time. */
export function byTime<T extends Due>(rows: readonly T[], now: Date): readonly T[] {
  return rows.toSorted((one, other) => earlyMsOf(one, now) - earlyMsOf(other, now));
}

/** Takes rows that are not due off the end of a batch; returns the milliseconds until each is. */
export function takeEarly(batch: Pick<Planned, 'row'>[], now: Date): number[] {
  const first = batch.findIndex(({ row }) => earlyMsOf(row, now) > 0);
  return first < 0 ? [] : batch.splice(first).map(({ row }) => earlyMsOf(row, now));
}
