import { z, type TimerFired } from '#skill';
import { settled } from './advance.ts';
import { isNamed, type Alert } from './alert.ts';
import { lockNumbers, showChanged } from './lock.ts';
import { alertKey, type AlertContext } from './show.ts';
import { writeEnds } from './write-ends.ts';

/**
 * How long "firing" wins over an end that somebody contradicted. Alertmanager repeats what fires within its
 * `group_interval` once an end of it was sent, and at the latest after its `repeat_interval`, seldom more than a day.
 */
export const DOUBT_MS = 25 * 3_600_000;

export const doubtedEnd = z.object({ alert: z.int(), endedAt: z.iso.datetime(), order: z.int() });

/** When an alert that fires would have ended, and what was accepted last when that was doubted. */
export interface DoubtedEnd {
  readonly endedAt: Date;
  readonly order: number;
}

export interface Doubt {
  readonly alert: Alert;
  readonly end: DoubtedEnd;
}

export async function settleLater(context: AlertContext, doubts: readonly Doubt[]): Promise<void> {
  for (const { alert, end } of doubts) {
    if (!isNamed(alert)) continue;
    await context.at(`${alertKey(alert.number)}:doubt`, new Date(context.now.getTime() + DOUBT_MS), 'settle', {
      alert: alert.number,
      endedAt: end.endedAt.toISOString(),
      order: end.order,
    } satisfies z.output<typeof doubtedEnd>);
  }
}

/** Nobody has said "firing" since an end was doubted: whoever contradicted it is gone, so it is over. */
export async function settle(
  context: AlertContext,
  { payload }: TimerFired<z.output<typeof doubtedEnd>>,
): Promise<void> {
  const { alerts, groups } = await lockNumbers(context, [payload.alert]);
  const [alert] = alerts;
  if (alert?.phase !== 'firing' || (alert.firingOrder ?? 0) > payload.order) return;
  const ended = { ...alert, ...settled(alert, { endedAt: new Date(payload.endedAt), order: payload.order }) };
  const detail = 'its end was doubted, and nobody has said "firing" since';
  await writeEnds(context.sql, [{ alert: ended, reason: 'resolved', detail }], context.now);
  await showChanged(context, [ended], groups, { ring: false });
}
