import { escape } from '#skill';
import type { Notification } from './payload.ts';
import { knownRooms, type AlertContext } from './show.ts';
import { count } from './text.ts';

const EVERY_MS = 600_000;

/** One line about alerts that could not be read, at most once per 10 minutes and source; the log has them all. */
export async function tellUnreadable(
  context: AlertContext,
  source: string,
  { problems, reports }: Notification,
): Promise<void> {
  context.log.warn(
    { source, problems: problems.slice(0, 20), more: Math.max(0, problems.length - 20) },
    'some alerts of a notification could not be read',
  );
  const key = `unreadable:${source}`;
  const last = await context.state.get<number>(key);
  if (last !== undefined && context.now.getTime() - last < EVERY_MS) return;
  await context.state.set(key, context.now.getTime());
  const taken =
    reports.length > 0 ? `, the other ${reports.length === 1 ? 'one was' : `${reports.length} were`} taken` : '';
  const text = `${escape(source)} sent ${count(problems.length, 'alert')} that could not be read (${escape(problems[0] ?? '')})${taken}`;
  for (const room of knownRooms(context, context.options.route?.rooms ?? []))
    await context.say(room, { text, tone: 'warning' });
}
