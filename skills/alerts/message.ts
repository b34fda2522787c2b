import { escape, quote, formatDuration, formatTime, type Action, type Link, type Message, type Tone } from '#skill';
import type { Ack, Alert, NumberedAlert } from './alert.ts';
import type { MessageOptions } from './options.ts';
import { SEVERITY_ICON } from './severity.ts';
import { fewLines, fill, fillUrl, oneLine, ordinal, valueOf, webAddress } from './text.ts';

/** What rendering needs besides the alert. */
export interface RenderContext {
  readonly options: MessageOptions;
  readonly timeZone: string;
  readonly now: Date;
}

/** A lock screen shows 60 characters: the origin and name are short enough to fit together. */
const MAX_ORIGIN = 40;
const MAX_NAME = 80;
const MAX_TEXT = 2000;
const MAX_LINES = 30;
const MAX_LABEL = 60;

/** `prod-eu/payments KubePodCrashLooping #12`; plain text for a title, never markup. */
export function subjectOf(alert: Alert, options: MessageOptions): string {
  const origin = oneLine(fill(options.origin, alert.labels, MAX_ORIGIN * 4), MAX_ORIGIN);
  return `${origin === '' ? '' : `${origin} `}${oneLine(alert.name, MAX_NAME)} #${alert.number ?? '?'}`;
}

/** The message of one alert in any state. `note` is one more line above the rest, already escaped. */
export function alertMessage(
  alert: NumberedAlert,
  render: RenderContext,
  note?: string,
): Message & { readonly title: string } {
  const lines = [
    ...(note === undefined ? [] : [note]),
    quote(textOf(alert, render.options)),
    detailsOf(alert, render),
    ...(alert.ack ? ackLines(alert.ack, render) : []),
    ...(alert.phase === 'firing' ? [hint(alert)] : []),
  ];
  return {
    title: titleOf(alert, render),
    text: lines.filter((line) => line !== '').join('\n'),
    tone: toneOf(alert),
    links: linksOf(alert, render.options),
    ...(alert.phase === 'firing'
      ? {
          actions: [
            ackAction(
              [alert.number],
              alert.places.some((place) => place.policy !== null),
            ),
          ],
        }
      : {}),
  };
}

/** The state in words as well as colour, then what broke. */
export function titleOf(alert: Alert, render: RenderContext): string {
  const subject = subjectOf(alert, render.options);
  const holder = alert.ack ? oneLine(alert.ack.owner.name, MAX_LABEL) : '';
  if (alert.phase === 'firing') {
    if (!alert.ack) return `${SEVERITY_ICON[alert.severity]} ${alert.severity.toUpperCase()} ${subject}`;
    const until = alert.ack.until ? ` until ${formatTime(new Date(alert.ack.until), render.timeZone, render.now)}` : '';
    return `🟠 ACKED by ${holder}${until} · ${subject}`;
  }
  const lasted = formatDuration((alert.endedAt ?? render.now).getTime() - alert.startedAt.getTime());
  return `${alert.phase === 'closed' ? '⚪ CLOSED' : '🟢 RESOLVED'} after ${lasted}${holder === '' ? '' : `, ${holder}`} · ${subject}`;
}

function toneOf(alert: Alert): Tone {
  if (alert.phase !== 'firing') return alert.phase === 'resolved' ? 'ok' : 'neutral';
  return alert.ack ? 'warning' : alert.severity;
}

/** The first annotation that exists, shortened. */
export function textOf(alert: Pick<Alert, 'annotations'>, options: MessageOptions): string {
  for (const name of options.text) {
    const text = valueOf(alert.annotations, name)?.trim();
    if (text) return fewLines(text, MAX_TEXT, MAX_LINES);
  }
  return '';
}

/** `api-7c9, api-8d1`: the values of `message.labels`. */
export function whereOf(alert: Alert, options: MessageOptions): string {
  const values = options.labels.flatMap((name) => valueOf(alert.labels, name) ?? []);
  return values.map((value) => oneLine(value, MAX_LABEL)).join(', ');
}

function detailsOf(alert: Alert, render: RenderContext): string {
  const parts = [
    `since ${formatTime(alert.startedAt, render.timeZone, render.now)}`,
    escape(whereOf(alert, render.options)),
    alert.weekCount > 1 ? `${ordinal(alert.weekCount)} time this week` : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function ackLines(ack: Ack, render: RenderContext): string[] {
  const helpers = ack.others.map((other) => escape(oneLine(other.name, MAX_LABEL))).join(', ');
  const acked = `acked ${formatTime(new Date(ack.at), render.timeZone, render.now)} by ${escape(oneLine(ack.owner.name, MAX_LABEL))}`;
  return [
    `${acked}${helpers === '' ? '' : `, with ${helpers}`}${ack.note ? `: ${escape(oneLine(ack.note, 300))}` : ''}`,
  ];
}

function hint(alert: NumberedAlert): string {
  if (alert.ack) return `release it: \`unack ${alert.number}\``;
  return alert.places.some((place) => place.policy !== null)
    ? `reply \`ack ${alert.number}\` or tap 👀`
    : `reply \`ack ${alert.number}\``;
}

/** 👀 and ✅ work on every alert; the bot adds 👀 only under a policy, since each reaction is a request to the platform. */
export function ackAction(numbers: readonly number[], offer: boolean): Action {
  const ids = numbers.join(' ');
  return { label: 'Ack', emoji: '👀', command: `ack ${ids}`, undo: `unack ${ids}`, also: ['✅'], offer };
}

function linksOf(alert: Alert, options: MessageOptions): Link[] {
  const links: [string, string | undefined][] = [
    ['runbook', webAddress(valueOf(alert.annotations, 'runbook_url'))],
    ['dashboard', webAddress(valueOf(alert.annotations, 'dashboard_url'))],
    ['source', webAddress(alert.generatorUrl ?? undefined)],
    ['silence', webAddress(valueOf(alert.annotations, 'silence_url'))],
    ...Object.entries(options.links).map(([label, template]): [string, string | undefined] => [
      label,
      fillUrl(template, alert.labels),
    ]),
  ];
  return links.flatMap(([label, url]) => (url ? [{ label, url }] : []));
}
