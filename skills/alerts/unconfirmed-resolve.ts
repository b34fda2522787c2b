import { z, type TimerFired } from '#skill';
import { isNumbered, type Alert } from './alert.ts';
import { alertKey, showChanged, type AlertContext } from './display.ts';
import { resolvedAt } from './episode.ts';
import { lockAlerts } from './locked-alerts.ts';
import { writeEnds } from './write-ends.ts';

/**
 * How long "firing" wins over an end that another sender contradicted. Alertmanager repeats a firing alert within its
 * `group_interval` once an end was sent, and at the latest after its `repeat_interval`, seldom more than a day.
 */
export const CONFIRM_AFTER_MS = 25 * 3_600_000;

export const unconfirmedEnd = z.object({ alert: z.int(), endedAt: z.iso.datetime(), order: z.int() });

/** When a firing alert would have ended, and the last position in the order of acceptance when that was contradicted. */
export interface UnconfirmedEnd {
  readonly endedAt: Date;
  readonly order: number;
}

/** An alert that stays firing although one sender reported its end. */
export interface UnconfirmedResolve {
  readonly alert: Alert;
  readonly end: UnconfirmedEnd;
}

export async function scheduleConfirmations(
  context: AlertContext,
  unconfirmed: readonly UnconfirmedResolve[],
): Promise<void> {
  for (const { alert, end } of unconfirmed) {
    if (!isNumbered(alert)) continue;
    // The key is stored: both releases of a rolling upgrade must replace the same timer.
    await context.at(`${alertKey(alert.number)}:doubt`, new Date(context.now.getTime() + CONFIRM_AFTER_MS), 'settle', {
      alert: alert.number,
      endedAt: end.endedAt.toISOString(),
      order: end.order,
    } satisfies z.output<typeof unconfirmedEnd>);
  }
}

/** No "firing" has come since the end was contradicted, so the sender that contradicted it is gone: the alert is resolved. */
export async function confirmResolve(
  context: AlertContext,
  { payload }: TimerFired<z.output<typeof unconfirmedEnd>>,
): Promise<void> {
  const { alerts, groups } = await lockAlerts(context, [payload.alert]);
  const [alert] = alerts;
  if (alert?.phase !== 'firing' || (alert.firingOrder ?? 0) > payload.order) return;
  const ended = { ...alert, ...resolvedAt(alert, { endedAt: new Date(payload.endedAt), order: payload.order }) };
  const detail = 'one sender reported the end, and no "firing" has come since';
  await writeEnds(context.sql, [{ alert: ended, reason: 'resolved', detail }], context.now);
  await showChanged(context, [ended], groups, { ring: false });
}
