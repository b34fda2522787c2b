import { escape, formatTime, type Handled } from '#skill';
import { replyLines } from './alert-reply.ts';
import { COLUMNS, countOpen, type StoredAlert } from './alert.ts';
import { renderContext } from './display.ts';
import { alertMessage, titleOf } from './message.ts';
import { count, oneLine } from './text.ts';
import { explainMissing, openAlertsHere, visibleAlerts, type AlertCommandContext } from './visible-alerts.ts';

const MAX_LINES = 30;

/** `alerts`: the open alerts here, worst first, and how many are open in other rooms. */
export async function runAlerts(context: AlertCommandContext): Promise<Handled> {
  const here = await openAlertsHere(context, 'alerts');
  const elsewhere = context.room.direct ? undefined : (await countOpen(context.sql)) - here.length;
  return list(context, here, 'No open alerts here.', elsewhere);
}

/** `pending`: the unacknowledged alerts here. */
export async function runPending(context: AlertCommandContext): Promise<Handled> {
  const here = await openAlertsHere(context, 'pending');
  return list(
    context,
    here.filter((alert) => alert.ack === null),
    here.length === 0 ? 'No open alerts here.' : 'Every open alert here is acknowledged.',
    undefined,
  );
}

function list(
  context: AlertCommandContext,
  alerts: readonly StoredAlert[],
  none: string,
  elsewhere: number | undefined,
): string {
  const render = renderContext(context);
  const lines = alerts
    .slice(0, MAX_LINES)
    .map(
      (alert) =>
        `${escape(titleOf(alert, render))} · since ${formatTime(alert.startedAt, render.timeZone, render.now)}`,
    );
  if (alerts.length === 0) lines.push(none);
  if (alerts.length > MAX_LINES) lines.push(`and ${alerts.length - MAX_LINES} more, none more severe`);
  if (elsewhere)
    lines.push(`${count(elsewhere, 'alert')} in other rooms: say \`alerts\` there, or to me in a direct message`);
  return lines.join('\n');
}

/** How an entry of the timeline reads; an unknown one, of another release, is shown as stored. */
const ENTRY_TEXT: Readonly<Record<string, string>> = {
  fired: 'fired',
  reopened: 'fired again',
  resolved: 'resolved',
  acked: 'acknowledged',
  joined: 'joined',
  left: 'left',
  unacked: 'released it',
  asked: 'was asked: still on it?',
  ackExpired: 'did not answer; open again',
  closed: 'closed it',
};

/** `alert 12`: the alert and its history. */
export async function runAlert(context: AlertCommandContext): Promise<Handled> {
  const number = Number((context.args['ids'] as string[])[0]);
  const found = await context.sql<StoredAlert>(`select ${COLUMNS} from alerts a where a.number = $1`, [number]);
  const [alert] = await visibleAlerts(context, 'alert', found);
  if (!alert) return context.wrong(replyLines(await explainMissing(context, 'alert', [number])).join('\n'));
  const history = await context.sql<{ at: Date; what: string; who: string | null; detail: string | null }>(
    'select at, what, who, detail from (select * from alert_timeline where number = $1 order by id desc limit 50) t order by id',
    [number],
  );
  const render = renderContext(context);
  const lines = history.map(({ at, what, who, detail }) => {
    const entry = `${who ? `${escape(oneLine(who, 60))} ` : ''}${Object.hasOwn(ENTRY_TEXT, what) ? ENTRY_TEXT[what] : escape(what)}`;
    return `${formatTime(at, render.timeZone, render.now)} ${entry}${detail ? `: ${escape(oneLine(detail, 300))}` : ''}`;
  });
  const { title, text, links, tone } = alertMessage(alert, render);
  return { title, text: [text, ...lines].join('\n'), links, tone, notice: true };
}
