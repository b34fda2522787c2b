import { escape, formatTime, type Handled } from '#skill';
import { COLUMNS, countOpen, type Numbered } from './alert.ts';
import { missingHere, openHere, thoseHere, type Asked } from './here.ts';
import { alertMessage, titleOf } from './message.ts';
import { lookOf } from './show.ts';
import { count, linesOf, oneLine } from './text.ts';

const MOST_LINES = 30;

/** `alerts`: what is open here, worst first; how much is open elsewhere. */
export async function runAlerts(context: Asked): Promise<Handled> {
  const here = await openHere(context, 'alerts');
  const elsewhere = context.room.direct ? undefined : (await countOpen(context.sql)) - here.length;
  return list(context, here, 'Nothing is open here.', elsewhere);
}

/** `pending`: what nobody has yet. */
export async function runPending(context: Asked): Promise<Handled> {
  const here = await openHere(context, 'pending');
  return list(
    context,
    here.filter((alert) => alert.ack === null),
    here.length === 0 ? 'Nothing is open here.' : 'Nothing is waiting here: somebody has every open alert.',
    undefined,
  );
}

function list(context: Asked, alerts: readonly Numbered[], none: string, elsewhere: number | undefined): string {
  const look = lookOf(context);
  const lines = alerts
    .slice(0, MOST_LINES)
    .map((alert) => `${escape(titleOf(alert, look))} · since ${formatTime(alert.startedAt, look.timeZone, look.now)}`);
  if (alerts.length === 0) lines.push(none);
  if (alerts.length > MOST_LINES) lines.push(`and ${alerts.length - MOST_LINES} more, none of them more severe`);
  if (elsewhere) lines.push(`${count(elsewhere, 'alert')} in other rooms: say \`alerts\` there, or to me alone`);
  return lines.join('\n');
}

/** How a word of the timeline reads; an unknown one, of another release, reads as it is. */
const SAYS: Readonly<Record<string, string>> = {
  fired: 'fired',
  reopened: 'fired again',
  resolved: 'resolved',
  acked: 'acknowledged',
  joined: 'is on it too',
  left: 'is off it',
  unacked: 'gave it back',
  asked: 'was asked: still on it?',
  ackExpired: 'did not answer; open again',
  closed: 'closed it',
};

/** `alert 12`: what it is, and who did what when. */
export async function runAlert(context: Asked): Promise<Handled> {
  const number = Number((context.args['ids'] as string[])[0]);
  const found = await context.sql<Numbered>(`select ${COLUMNS} from alerts a where a.number = $1`, [number]);
  const [alert] = await thoseHere(context, 'alert', found);
  if (!alert) return context.wrong(linesOf(await missingHere(context, 'alert', [number])).join('\n'));
  const told = await context.sql<{ at: Date; what: string; who: string | null; detail: string | null }>(
    'select at, what, who, detail from (select * from alert_timeline where number = $1 order by id desc limit 50) t order by id',
    [number],
  );
  const look = lookOf(context);
  const lines = told.map(({ at, what, who, detail }) => {
    const says = `${who ? `${escape(oneLine(who, 60))} ` : ''}${Object.hasOwn(SAYS, what) ? SAYS[what] : escape(what)}`;
    return `${formatTime(at, look.timeZone, look.now)} ${says}${detail ? `: ${escape(oneLine(detail, 300))}` : ''}`;
  });
  const { title, text, links, tone } = alertMessage(alert, look);
  return { title, text: [text, ...lines].join('\n'), links, tone, notice: true };
}
