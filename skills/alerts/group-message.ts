import { escape, formatDuration, formatTime, type Message } from '#skill';
import type { StoredAlert } from './alert.ts';
import type { Group, Summary } from './groups.ts';
import { ackAction, subjectOf, textOf, whereOf, type RenderContext } from './message.ts';
import { SEVERITY_ICON } from './severity.ts';
import { count, oneLine } from './text.ts';

/** The message of a group: numbers in the title, then its first alerts. */
export function groupMessage(
  group: Group,
  summary: Summary,
  render: RenderContext,
  note?: string,
): Message & { readonly title: string } {
  const unacked = summary.first.filter((alert) => alert.phase === 'firing' && alert.ack === null);
  const listed = summary.first.length;
  const more = summary.firing + summary.ended - listed;
  const lines = [
    ...(note === undefined ? [] : [note]),
    ...summary.first.map((alert) => lineOf(alert, render)),
    more > 0 ? `and ${more} more; \`alerts\` lists the open ones` : '',
    group.truncated > 0 ? `and ${group.truncated} that Alertmanager left out (\`max_alerts\`)` : '',
    `since ${formatTime(summary.startedAt, render.timeZone, render.now)}`,
    unacked.length > 0 ? hint(unacked.length, summary.unacked, group.policy !== null) : '',
  ];
  const ids = unacked.map((alert) => alert.number);
  // When all are acknowledged, a tap still applies to those listed: a person joins, or removes their own tap.
  const firing = summary.first.filter((alert) => alert.phase === 'firing').map((alert) => alert.number);
  return {
    title: titleOf(group, summary),
    text: lines.filter((line) => line !== '').join('\n'),
    tone: summary.firing === 0 ? 'ok' : summary.unacked === 0 ? 'warning' : worst(summary),
    ...(summary.firing > 0 ? { actions: [ackAction(ids.length > 0 ? ids : firing, group.policy !== null)] } : {}),
  };
}

function titleOf(group: Group, summary: Summary): string {
  const title = oneLine(group.title, 120);
  const owners =
    summary.owners.length > 2 ? `${summary.owners.slice(0, 2).join(', ')} and others` : summary.owners.join(', ');
  const ended = summary.ended > 0 && summary.firing > 0 ? `, ${summary.ended} ended` : '';
  if (summary.firing === 0) {
    const lasted = formatDuration((summary.endedAt ?? summary.startedAt).getTime() - summary.startedAt.getTime());
    return `🟢 RESOLVED ${count(summary.ended, 'alert')} after ${lasted}${owners === '' ? '' : `, ${oneLine(owners, 60)}`} · ${title}`;
  }
  if (summary.unacked === 0) return `🟠 ACKED by ${oneLine(owners, 60)} · ${summary.firing} firing${ended} · ${title}`;
  const severity = worst(summary);
  const partly =
    summary.unacked < summary.firing ? `acked by ${oneLine(owners, 60)}, but ${summary.unacked} new · ` : '';
  return `${SEVERITY_ICON[severity]} ${severity.toUpperCase()} ${partly}${summary.firing} firing${ended} · ${title}`;
}

/** The first firing alert is the worst of the unacknowledged ones. */
function worst(summary: Summary): StoredAlert['severity'] {
  return summary.first.find((alert) => alert.phase === 'firing')?.severity ?? 'warning';
}

function lineOf(alert: StoredAlert, render: RenderContext): string {
  const sign = alert.phase !== 'firing' ? '🟢' : alert.ack ? '🟠' : SEVERITY_ICON[alert.severity];
  const parts = [
    subjectOf(alert, render.options),
    whereOf(alert, render.options),
    oneLine(textOf(alert, render.options), 120),
  ];
  const state =
    alert.phase !== 'firing' ? ' · ended' : alert.ack ? ` · ${escape(oneLine(alert.ack.owner.name, 60))}` : '';
  return `${sign} ${parts
    .filter((part) => part !== '')
    .map(escape)
    .join(' · ')}${state}`;
}

function hint(listed: number, unacked: number, offer: boolean): string {
  const which = listed < unacked ? `the ${listed} listed (\`ack all\` for more)` : listed === 1 ? 'it' : 'them';
  return `reply \`ack\`${offer ? ' or tap 👀' : ''} to acknowledge ${which}`;
}
