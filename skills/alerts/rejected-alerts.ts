import { escape } from '#skill';
import { configuredRooms, type AlertContext } from './display.ts';
import type { Notification } from './notification.ts';
import { MAX_ALERTS } from './payload.ts';
import { count } from './text.ts';

const EVERY_MS = 600_000;

/** Posts one line about rejected alerts, at most once per 10 minutes and source; the log has more of them. */
export async function reportRejectedAlerts(
  context: AlertContext,
  source: string,
  { problems, reports, leftOut }: Notification,
): Promise<void> {
  context.log.warn(
    { source, problems: problems.slice(0, 20), more: Math.max(0, problems.length - 20), leftOut },
    'some alerts of a notification were rejected',
  );
  const key = `unreadable:${source}`;
  const last = await context.state.get<number>(key);
  if (last !== undefined && context.now.getTime() - last < EVERY_MS) return;
  await context.state.set(key, context.now.getTime());
  const text = [
    ...(problems.length > 0 ? [unreadable(source, problems, reports.length)] : []),
    ...(leftOut > 0
      ? [
          `${escape(source)} sent ${MAX_ALERTS + leftOut} alerts in one notification; only the first ${MAX_ALERTS} were accepted. Split the group with \`group_by\` in Alertmanager's route, or set \`max_alerts\` in its receiver.`,
        ]
      : []),
  ].join('\n');
  for (const room of configuredRooms(context, context.options.route?.rooms ?? []))
    await context.say(room, { text, tone: 'warning' });
}

function unreadable(source: string, problems: readonly string[], others: number): string {
  const accepted = others > 0 ? `; the other ${others === 1 ? 'one was' : `${others} were`} accepted` : '';
  return `${escape(source)} sent ${count(problems.length, 'alert')} that could not be read (${escape(problems[0] ?? '')})${accepted}`;
}
