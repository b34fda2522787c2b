import { escape, formatTime, type Handled } from '#skill';
import { acknowledge, holderOf, type Taken } from './ack.ts';
import { watchAcks } from './ack-timers.ts';
import type { Numbered } from './alert.ts';
import { lockHere, numbersAsked, openHere, type Asked } from './here.ts';
import { showChanged } from './lock.ts';
import { subjectOf } from './message.ts';
import { sayInThreads } from './threads.ts';
import { count, linesOf, numbersText, oneLine, type About } from './text.ts';
import { writeAcks, type AckWritten } from './write-acks.ts';

export interface AckWords {
  readonly numbers: readonly number[];
  readonly forMs: number | undefined;
  readonly note: string | null;
}

/** `ack`, with or without numbers: those said, else the one answered to, else the only open one here. */
export async function runAck(context: Asked): Promise<Handled> {
  const { for: forMs, note } = context.args as { for?: number; note?: string };
  const words = { forMs, note: note ? oneLine(note, 500) : null };
  const numbers = await numbersAsked(context);
  if (numbers?.length === 0) return context.wrong('It is over; there is nothing to acknowledge.');
  if (numbers) return takeAlerts(context, 'ack', { ...words, numbers });
  const open = await openHere(context, 'ack');
  const [only] = open;
  if (!only) return context.wrong('Nothing is open here.');
  if (open.length === 1) return takeAlerts(context, 'ack', { ...words, numbers: [only.number] });
  return context.wrong(`Which one? Say \`ack ${only.number}\`, or \`ack all\`.\n${listOf(context, open)}`);
}

/** `ack all` asks, `ack all 7` does it when it still is 7. */
export async function runAckAll(context: Asked): Promise<Handled> {
  const { n } = context.args as { n?: number };
  const waiting = (await openHere(context, 'ack all')).filter((alert) => alert.ack === null);
  if (waiting.length === 0) return context.wrong('Nothing is waiting here.');
  if (n === undefined)
    return context.confirm(
      {
        text: `Take ${count(waiting.length, 'alert')}? Say \`ack all ${waiting.length}\`.\n${listOf(context, waiting)}`,
        actions: [{ label: `Ack all ${waiting.length}`, emoji: '✅', command: `ack all ${waiting.length}` }],
      },
      `ack all ${waiting.length}`,
    );
  if (n !== waiting.length)
    return context.wrong(
      `It is ${waiting.length} now, not ${n}: say \`ack all ${waiting.length}\`.\n${listOf(context, waiting)}`,
    );
  return takeAlerts(context, 'ack all', {
    numbers: waiting.map((alert) => alert.number),
    forMs: undefined,
    note: null,
  });
}

function listOf(context: Asked, alerts: readonly Numbered[]): string {
  const lines = alerts.slice(0, 15).map((alert) => escape(subjectOf(alert, context.options.message)));
  return [...lines, ...(alerts.length > 15 ? [`and ${alerts.length - 15} more`] : [])].join('\n');
}

async function takeAlerts(context: Asked, command: string, { numbers, forMs, note }: AckWords): Promise<Handled> {
  const { alerts, groups, missing } = await lockHere(context, command, numbers);
  const holder = holderOf(context.sender);
  const complaints = [...missing];
  const changes: (AckWritten & { taken: Taken })[] = [];
  for (const alert of alerts.toSorted((a, b) => a.number - b.number)) {
    if (alert.phase !== 'firing') {
      complaints.push({ number: alert.number, says: overSince(context, alert), ofMany: allOver });
      continue;
    }
    const timeoutMs = timeoutOf(context, alert);
    const { ack, taken } = acknowledge(alert.ack, { holder, now: context.now, forMs, note, timeoutMs });
    const what = taken === 'joined' ? 'joined' : 'acked';
    changes.push({ alert, ack, taken, who: holder.name, detail: note, what });
  }
  const problems = linesOf(complaints);
  if (changes.length === 0) return context.wrong(problems.join('\n'));
  const acked = await writeAcks(context.sql, changes, context.now);
  await showChanged(context, acked, groups, { ring: false });
  await watchAcks(context, acked);
  const taken = new Map(changes.map((change) => [change.alert.number, change.taken]));
  if (!changes.every((change) => change.taken === 'again') || note !== null)
    await sayInThreads(
      context,
      acked,
      (there) => threadLine(context, taken, there),
      context.tapped ? undefined : context.room,
    );
  if (context.tapped) return problems.length > 0 ? problems.join('\n') : undefined;
  const has = (these: string): string => `${escape(oneLine(context.sender.name, 60))} has ${these}.`;
  const lines = changes.map((change, index): About => {
    const { number } = change.alert;
    const says = answer(context, change.taken, change.alert, acked[index] ?? change.alert);
    return { number, says, ofMany: change.taken === 'joined' ? onThemToo : has };
  });
  return [...linesOf(lines), ...problems].join('\n');
}

const allOver = (numbers: string): string => `${numbers} are over; there is nothing to acknowledge.`;
const onThemToo = (numbers: string): string => `You are on ${numbers} too.`;

/** The shortest time that a policy of the alert gives. */
function timeoutOf(context: Asked, alert: Numbered): number | undefined {
  const times = alert.places.flatMap((place) =>
    place.policy === null ? [] : (context.options.policies[place.policy]?.ackTimeout ?? []),
  );
  return times.length > 0 ? Math.min(...times) : undefined;
}

function overSince(context: Asked, alert: Numbered): string {
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

/** `Ann has #12 · unack 12`: what a tap means, and how to take it back. */
function threadLine(context: Asked, taken: ReadonlyMap<number, Taken>, there: readonly Numbered[]): string {
  const numbers = there.map((alert) => alert.number);
  const joined = numbers.every((number) => taken.get(number) === 'joined');
  const [ack] = there.map((alert) => alert.ack);
  const name = escape(oneLine(context.sender.name, 60));
  const note = ack?.note && !joined ? `: ${escape(oneLine(ack.note, 500))}` : '';
  const who = joined
    ? `${name} is on ${numbersText(numbers)} too, with ${escape(oneLine(ack?.owner.name ?? '', 60))}`
    : `${name} has ${numbersText(numbers)}`;
  return `${who}${note} · \`unack ${numbers.slice(0, 20).join(' ')}\``;
}
