import { escape, formatDuration, formatTime, type Message } from '#skill';
import type { Numbered } from './alert.ts';
import type { Group, Summary } from './groups.ts';
import { ackAction, subjectOf, textOf, whereOf, type Look } from './message.ts';
import { SIGN } from './severity.ts';
import { count, oneLine } from './text.ts';

/** What a room shows of a group: how many and what, then its first alerts by name. */
export function groupMessage(
  group: Group,
  summary: Summary,
  look: Look,
  note?: string,
): Message & { readonly title: string } {
  const unacked = summary.first.filter((alert) => alert.phase === 'firing' && alert.ack === null);
  const named = summary.first.length;
  const more = summary.firing + summary.over - named;
  const lines = [
    ...(note === undefined ? [] : [note]),
    ...summary.first.map((alert) => lineOf(alert, look)),
    more > 0 ? `and ${more} more: \`alerts\` lists what is open` : '',
    group.truncated > 0 ? `and ${group.truncated} that Alertmanager left out (its max_alerts)` : '',
    `since ${formatTime(summary.startedAt, look.timeZone, look.now)}`,
    unacked.length > 0 ? hint(unacked.length, summary.unacked, group.policy !== null) : '',
  ];
  const ids = unacked.map((alert) => alert.number);
  // With everything acknowledged a tap still means those named: somebody joins, or takes the own tap back.
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
  const over = summary.over > 0 && summary.firing > 0 ? `, ${summary.over} over` : '';
  if (summary.firing === 0) {
    const lasted = formatDuration((summary.endedAt ?? summary.startedAt).getTime() - summary.startedAt.getTime());
    return `🟢 RESOLVED ${count(summary.over, 'alert')} after ${lasted}${owners === '' ? '' : `, ${oneLine(owners, 60)}`} · ${title}`;
  }
  if (summary.unacked === 0) return `🟠 ACKED by ${oneLine(owners, 60)} · ${summary.firing} firing${over} · ${title}`;
  const severity = worst(summary);
  const partly =
    summary.unacked < summary.firing ? `acked by ${oneLine(owners, 60)}, but ${summary.unacked} new · ` : '';
  return `${SIGN[severity]} ${severity.toUpperCase()} ${partly}${summary.firing} firing${over} · ${title}`;
}

/** The alerts come worst first among those that nobody has. */
function worst(summary: Summary): Numbered['severity'] {
  return summary.first.find((alert) => alert.phase === 'firing')?.severity ?? 'warning';
}

function lineOf(alert: Numbered, look: Look): string {
  const sign = alert.phase !== 'firing' ? '🟢' : alert.ack ? '🟠' : SIGN[alert.severity];
  const about = [
    subjectOf(alert, look.options),
    whereOf(alert, look.options),
    oneLine(textOf(alert, look.options), 120),
  ];
  const state =
    alert.phase !== 'firing' ? ' · over' : alert.ack ? ` · ${escape(oneLine(alert.ack.owner.name, 60))}` : '';
  return `${sign} ${about
    .filter((part) => part !== '')
    .map(escape)
    .join(' · ')}${state}`;
}

function hint(named: number, unacked: number, offer: boolean): string {
  const which = named < unacked ? ` (the ${named} named; \`ack all\` takes more)` : '';
  return `reply \`ack\`${offer ? ' or tap 👀' : ''} to take ${named === 1 ? 'it' : 'them'}${which}`;
}
