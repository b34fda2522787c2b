import { escape, formatTime, type Handled } from '#skill';
import { scheduleAckExpiry } from './ack-timers.ts';
import { acknowledge, holderOf, type AckResult } from './ack.ts';
import { replyLines, type AlertReply } from './alert-reply.ts';
import type { StoredAlert } from './alert.ts';
import { showChanged } from './display.ts';
import { subjectOf } from './message.ts';
import { count, numbersText, oneLine } from './text.ts';
import { postInThreads } from './threads.ts';
import { lockVisibleAlerts, requestedNumbers, openAlertsHere, type AlertCommandContext } from './visible-alerts.ts';
import { writeAcks, type AckUpdate } from './write-acks.ts';

interface AckArguments {
  readonly numbers: readonly number[];
  readonly forMs: number | undefined;
  readonly note: string | null;
}

/** `ack`: the numbers that were typed, else the alert that was replied to, else the only open one here. */
export async function runAck(context: AlertCommandContext): Promise<Handled> {
  const { for: forMs, note } = context.args as { for?: number; note?: string };
  const options = { forMs, note: note ? oneLine(note, 500) : null };
  const numbers = await requestedNumbers(context);
  if (numbers?.length === 0) return context.wrong('It has ended; there is nothing to acknowledge.');
  if (numbers) return ackAlerts(context, 'ack', { ...options, numbers });
  const open = await openAlertsHere(context, 'ack');
  const [only] = open;
  if (!only) return context.wrong('No open alerts here.');
  if (open.length === 1) return ackAlerts(context, 'ack', { ...options, numbers: [only.number] });
  return context.wrong(`Which one? Say \`ack ${only.number}\`, or \`ack all\`.\n${listOf(context, open)}`);
}

/** `ack all` asks first; `ack all 7` does it while there are still 7. */
export async function runAckAll(context: AlertCommandContext): Promise<Handled> {
  const { n } = context.args as { n?: number };
  const unacked = (await openAlertsHere(context, 'ack all')).filter((alert) => alert.ack === null);
  if (unacked.length === 0) return context.wrong('No unacknowledged alerts here.');
  if (n === undefined)
    return context.confirm(
      {
        text: `Acknowledge ${count(unacked.length, 'alert')}? Say \`ack all ${unacked.length}\`.\n${listOf(context, unacked)}`,
        actions: [{ label: `Ack all ${unacked.length}`, emoji: '✅', command: `ack all ${unacked.length}` }],
      },
      `ack all ${unacked.length}`,
    );
  if (n !== unacked.length)
    return context.wrong(
      `There ${unacked.length === 1 ? 'is' : 'are'} ${unacked.length} now, not ${n}: say \`ack all ${unacked.length}\`.\n${listOf(context, unacked)}`,
    );
  return ackAlerts(context, 'ack all', {
    numbers: unacked.map((alert) => alert.number),
    forMs: undefined,
    note: null,
  });
}

function listOf(context: AlertCommandContext, alerts: readonly StoredAlert[]): string {
  const lines = alerts.slice(0, 15).map((alert) => escape(subjectOf(alert, context.options.message)));
  return [...lines, ...(alerts.length > 15 ? [`and ${alerts.length - 15} more`] : [])].join('\n');
}

async function ackAlerts(
  context: AlertCommandContext,
  command: string,
  { numbers, forMs, note }: AckArguments,
): Promise<Handled> {
  const { alerts, groups, missing } = await lockVisibleAlerts(context, command, numbers);
  const holder = holderOf(context.sender);
  const problems = [...missing];
  const changes: (AckUpdate & { result: AckResult })[] = [];
  for (const alert of alerts.toSorted((a, b) => a.number - b.number)) {
    if (alert.phase !== 'firing') {
      problems.push({ number: alert.number, text: endedText(context, alert), textForMany: allEnded });
      continue;
    }
    const timeoutMs = timeoutOf(context, alert);
    const { ack, result } = acknowledge(alert.ack, { holder, now: context.now, forMs, note, timeoutMs });
    const what = result === 'joined' ? 'joined' : 'acked';
    changes.push({ alert, ack, result, who: holder.name, detail: note, what });
  }
  const problemLines = replyLines(problems);
  if (changes.length === 0) return context.wrong(problemLines.join('\n'));
  const acked = await writeAcks(context.sql, changes, context.now);
  await showChanged(context, acked, groups, { ring: false });
  await scheduleAckExpiry(context, acked);
  const results = new Map(changes.map((change) => [change.alert.number, change.result]));
  if (!changes.every((change) => change.result === 'renewed') || note !== null)
    await postInThreads(
      context,
      acked,
      (inRoom) => threadLine(context, results, inRoom),
      context.tapped ? undefined : context.room,
    );
  if (context.tapped) return problemLines.length > 0 ? problemLines.join('\n') : undefined;
  const has = (all: string): string => `${escape(oneLine(context.sender.name, 60))} has ${all}.`;
  const lines = changes.map((change, index): AlertReply => {
    const { number } = change.alert;
    const text = replyOf(context, change.result, change.alert, acked[index] ?? change.alert);
    return { number, text, textForMany: change.result === 'joined' ? joinedMany : has };
  });
  return [...replyLines(lines), ...problemLines].join('\n');
}

const allEnded = (numbers: string): string => `${numbers} have ended; there is nothing to acknowledge.`;
const joinedMany = (numbers: string): string => `You joined ${numbers}.`;

/** The shortest `ackTimeout` of the alert's policies. */
function timeoutOf(context: AlertCommandContext, alert: StoredAlert): number | undefined {
  const times = alert.places.flatMap((place) =>
    place.policy === null ? [] : (context.options.policies[place.policy]?.ackTimeout ?? []),
  );
  return times.length > 0 ? Math.min(...times) : undefined;
}

function endedText(context: AlertCommandContext, alert: StoredAlert): string {
  const when = alert.endedAt ? ` (${formatTime(alert.endedAt, context.timeZone, context.now)})` : '';
  return `#${alert.number} is already ${alert.phase}${when}; there is nothing to acknowledge.`;
}

function until(context: AlertCommandContext, alert: StoredAlert, comma = ''): string {
  return alert.ack?.until
    ? `${comma} until ${formatTime(new Date(alert.ack.until), context.timeZone, context.now)}`
    : '';
}

function replyOf(context: AlertCommandContext, result: AckResult, before: StoredAlert, alert: StoredAlert): string {
  const owner = escape(oneLine(alert.ack?.owner.name ?? '', 60));
  const since = before.ack ? formatTime(new Date(before.ack.at), context.timeZone, context.now) : '';
  if (result === 'joined') return `${owner} has had #${alert.number} since ${since}; you joined.`;
  if (result === 'renewed') return `You have had #${alert.number} since ${since}${until(context, alert, ',')}.`;
  if (result === 'takenOver')
    return `#${alert.number} is yours now${until(context, alert, ',')}; ${escape(oneLine(before.ack?.owner.name ?? '', 60))} had it before.`;
  return `${owner} has #${alert.number}${until(context, alert)}.`;
}

/** `Ann has #12 · unack 12`: tells the room what a tap did, and how to undo it. */
function threadLine(
  context: AlertCommandContext,
  results: ReadonlyMap<number, AckResult>,
  inRoom: readonly StoredAlert[],
): string {
  const numbers = inRoom.map((alert) => alert.number);
  const joined = numbers.every((number) => results.get(number) === 'joined');
  const [ack] = inRoom.map((alert) => alert.ack);
  const name = escape(oneLine(context.sender.name, 60));
  const note = ack?.note && !joined ? `: ${escape(oneLine(ack.note, 500))}` : '';
  const who = joined
    ? `${name} joined ${escape(oneLine(ack?.owner.name ?? '', 60))} on ${numbersText(numbers)}`
    : `${name} has ${numbersText(numbers)}`;
  return `${who}${note} · \`unack ${numbers.slice(0, 20).join(' ')}\``;
}
