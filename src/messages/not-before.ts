import type { Planned } from './attempts.ts';
import type { MessageRow } from './message-rows.ts';

type Due = Pick<MessageRow, 'not_before'>;

/** How long it is until a message may be sent. */
export const earlyMsOf = ({ not_before: due }: Due, now: Date): number =>
  Math.max(0, (due?.getTime() ?? 0) - now.getTime());

/** What is not due yet stands last, by its time. */
export function byTime<T extends Due>(rows: readonly T[], now: Date): readonly T[] {
  return rows.toSorted((one, other) => earlyMsOf(one, now) - earlyMsOf(other, now));
}

/** Takes what is not due yet out of a batch, where it stands last; returns for how long each has to wait. */
export function takeEarly(batch: Pick<Planned, 'row'>[], now: Date): number[] {
  const first = batch.findIndex(({ row }) => earlyMsOf(row, now) > 0);
  return first < 0 ? [] : batch.splice(first).map(({ row }) => earlyMsOf(row, now));
}
