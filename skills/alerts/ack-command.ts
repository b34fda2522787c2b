import { escape, formatTime, type CommandArgs, type CommandContext, type Handled } from '#skill';
import { acknowledge, holderOf, type Taken } from './ack.ts';
import { watchAcks } from './ack-timers.ts';
import type { Numbered } from './alert.ts';
import { lockNumbers, missing, numbersInGroup, numbersOf, openHere, parseAbout, showChanged } from './lock.ts';
import { subjectOf } from './message.ts';
import type { AlertOptions } from './options.ts';
import { sayInThreads } from './threads.ts';
import { count, oneLine } from './text.ts';
import { writeAcks, type AckWritten } from './write-acks.ts';

type Asked = CommandContext<AlertOptions, CommandArgs>;

export interface AckWords {
  readonly numbers: readonly number[];
  readonly forMs: number | undefined;
  readonly note: string | null;
}

/** `ack`, with or without numbers: those said, else the one answered to, else the only open one here. */
export async function runAck(context: Asked): Promise<Handled> {
  const { ids, for: forMs, note } = context.args as { ids?: string[]; for?: number; note?: string };
  const words = { forMs, note: note ? oneLine(note, 500) : null };
  if (ids) return takeAlerts(context, { ...words, numbers: numbersOf(ids) });
  const about = parseAbout(context.about);
  if (about) {
    const numbers = 'alert' in about ? [about.alert] : await numbersInGroup(context, about.group);
    if (numbers.length === 0) return context.wrong('It is over; there is nothing to acknowledge.');
    return takeAlerts(context, { ...words, numbers });
  }
  const open = await openHere(context, context.room);
  const [only] = open;
  if (!only) return context.wrong('Nothing is open here.');
  if (open.length === 1) return takeAlerts(context, { ...words, numbers: [only.number] });
  return context.wrong(`Which one? Say \`ack ${only.number}\`, or \`ack all\`.\n${listOf(context, open)}`);
}

/** `ack all` asks, `ack all 7` does it when it still is 7. */
export async function runAckAll(context: Asked): Promise<Handled> {
  const { n } = context.args as { n?: number };
  const waiting = (await openHere(context, context.room)).filter((alert) => alert.ack === null);
  if (waiting.length === 0) return context.wrong('Nothing is waiting here.');
  if (n === undefined)
    return {
      text: `Take ${count(waiting.length, 'alert')}? Say \`ack all ${waiting.length}\`.\n${listOf(context, waiting)}`,
      actions: [{ label: `Ack all ${waiting.length}`, emoji: '✅', command: `ack all ${waiting.length}` }],
    };
  if (n !== waiting.length)
    return context.wrong(
      `It is ${waiting.length} now, not ${n}: say \`ack all ${waiting.length}\`.\n${listOf(context, waiting)}`,
    );
  return takeAlerts(context, { numbers: waiting.map((alert) => alert.number), forMs: undefined, note: null });
}

function listOf(context: Asked, alerts: readonly Numbered[]): string {
  const lines = alerts.slice(0, 15).map((alert) => escape(subjectOf(alert, context.options.message)));
  return [...lines, ...(alerts.length > 15 ? [`and ${alerts.length - 15} more`] : [])].join('\n');
}

export async function takeAlerts(context: Asked, { numbers, forMs, note }: AckWords): Promise<Handled> {
  const { alerts, groups } = await lockNumbers(context, numbers);
  const holder = holderOf(context.sender);
  const found = new Map(alerts.map((alert) => [alert.number, alert]));
  const complaints: string[] = [];
  const changes: (AckWritten & { taken: Taken })[] = [];
  for (const number of numbers) {
    const alert = found.get(number);
    if (!alert) complaints.push(await missing(context, number));
    else if (alert.phase !== 'firing') complaints.push(overSince(context, alert));
    else {
      const { ack, taken } = acknowledge(alert.ack, {
        holder,
        now: context.now,
        forMs,
        note,
        timeoutMs: timeoutOf(context, alert),
      });
      changes.push({
        alert,
        ack,
        taken,
        who: holder.name,
        detail: note,
        what: taken === 'joined' ? 'joined' : 'acked',
      });
    }
  }
  if (changes.length === 0) return context.wrong(complaints.join('\n'));
  const acked = await writeAcks(context.sql, changes, context.now);
  await showChanged(context, acked, groups, { ring: false });
  await watchAcks(context, acked);
  const lines = changes.map((change, index) =>
    answer(context, change.taken, change.alert, acked[index] ?? change.alert),
  );
  // Many at once get one line for all of them.
  const all = (taken: Taken): boolean => changes.length > 3 && changes.every((change) => change.taken === taken);
  const short = all('taken') || all('again') ? [manyTaken(context, acked)] : lines;
  if (!changes.every((change) => change.taken === 'again') || note !== null)
    await sayInThreads(context, acked, threadLine(context, changes, acked), context.tapped ? undefined : context.room);
  return context.tapped
    ? complaints.length > 0
      ? complaints.join('\n')
      : undefined
    : [...short, ...complaints].join('\n');
}

/** The shortest time that a policy of the alert gives. */
function timeoutOf(context: Asked, alert: Numbered): number | undefined {
  const times = alert.places.flatMap((place) =>
    place.policy === null ? [] : (context.options.policies[place.policy]?.ackTimeout ?? []),
  );
  return times.length > 0 ? Math.min(...times) : undefined;
}

export function overSince(context: Asked, alert: Numbered): string {
  const when = alert.endedAt ? ` since ${formatTime(alert.endedAt, context.timeZone, context.now)}` : '';
  return `#${alert.number} is ${alert.phase}${when}; there is nothing to acknowledge.`;
}

function until(context: Asked, alert: Numbered): string {
  return alert.ack?.until ? ` until ${formatTime(new Date(alert.ack.until), context.timeZone, context.now)}` : '';
}

function answer(context: Asked, taken: Taken, before: Numbered, alert: Numbered): string {
  const owner = escape(oneLine(alert.ack?.owner.name ?? '', 60));
  const since = before.ack ? formatTime(new Date(before.ack.at), context.timeZone, context.now) : '';
  if (taken === 'joined') return `${owner} has #${alert.number} since ${since}; you are on it too.`;
  if (taken === 'again') return `You have #${alert.number}, since ${since}${until(context, alert)}.`;
  if (taken === 'over')
    return `#${alert.number} is yours now${until(context, alert)}; ${escape(oneLine(before.ack?.owner.name ?? '', 60))} had it.`;
  return `${owner} has #${alert.number}${until(context, alert)}.`;
}

function manyTaken(context: Asked, acked: readonly Numbered[]): string {
  return `${escape(oneLine(context.sender.name, 60))} has ${numbersText(acked)}.`;
}

function numbersText(alerts: readonly Numbered[]): string {
  const shown = alerts.slice(0, 10).map((alert) => `#${alert.number}`);
  return alerts.length > 10 ? `${shown.join(' ')} and ${alerts.length - 10} more` : shown.join(' ');
}

/** `Ann has #12 · unack 12`: what a tap means, and how to take it back. */
function threadLine(context: Asked, changes: readonly { readonly taken: Taken }[], acked: readonly Numbered[]): string {
  const joined = changes.every((change) => change.taken === 'joined');
  const owner = acked[0]?.ack?.owner.name ?? '';
  const name = escape(oneLine(context.sender.name, 60));
  const note = acked[0]?.ack?.note && !joined ? `: ${escape(acked[0].ack.note)}` : '';
  const who = joined
    ? `${name} is on ${numbersText(acked)} too, with ${escape(oneLine(owner, 60))}`
    : `${name} has ${numbersText(acked)}`;
  const back = acked.slice(0, 20).map((alert) => alert.number);
  return `${who}${note} · \`unack ${back.join(' ')}\``;
}
