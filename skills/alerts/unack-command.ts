import { escape, type Handled } from '#skill';
import { release, holderOf, type ReleaseResult } from './ack.ts';
import { replyLines, type AlertReply } from './alert-reply.ts';
import type { StoredAlert } from './alert.ts';
import { showChanged } from './display.ts';
import { oneLine } from './text.ts';
import { mentionsIn, threadsOf } from './threads.ts';
import { lockVisibleAlerts, requestedNumbers, openAlertsHere, type AlertCommandContext } from './visible-alerts.ts';
import { writeAcks, type AckUpdate } from './write-acks.ts';

/** `unack`, or a removed tap: releases one's own acknowledgement; typed, also that of others. */
export async function runUnack(context: AlertCommandContext): Promise<Handled> {
  const numbers = (await requestedNumbers(context)) ?? (await mineHere(context));
  if (numbers.length === 0) return context.wrong('Which one? Say `unack 12`; `alerts` lists the open ones.');
  const { alerts, groups, missing } = await lockVisibleAlerts(context, 'unack', numbers);
  const holder = holderOf(context.sender);
  const problems = [...missing];
  const changes: (AckUpdate & { result: ReleaseResult })[] = [];
  for (const alert of alerts.toSorted((a, b) => a.number - b.number)) {
    const { number, phase } = alert;
    if (phase !== 'firing')
      problems.push({
        number,
        text: `#${number} is already ${phase}; there is nothing to release.`,
        textForMany: allEnded,
      });
    else if (!alert.ack) problems.push({ number, text: `#${number} is not acknowledged.`, textForMany: notAcked });
    else {
      const { ack, result } = release(alert.ack, holder, context.tapped);
      const what = result === 'left' ? 'left' : 'unacked';
      if (result !== 'unchanged') changes.push({ alert, ack, result, what, who: holder.name, detail: null });
    }
  }
  // Removing a tap from an alert that has ended gets no reply.
  if (changes.length === 0) return context.tapped ? undefined : context.wrong(replyLines(problems).join('\n'));
  const written = await writeAcks(context.sql, changes, context.now);
  const open = written.filter((alert) => alert.ack === null);
  const acked = written.filter((alert) => alert.ack !== null);
  const name = escape(oneLine(holder.name, 60));
  // A group is shown once, and rings when any of its alerts is open again.
  if (open.length > 0)
    await showChanged(context, open, groups, { ring: true, note: `**open again**: ${name} released it` });
  const shown = new Set(open.flatMap((alert) => alert.places.map((place) => place.group)));
  await showChanged(
    context,
    acked,
    groups.filter((group) => !shown.has(group.id)),
    { ring: false },
  );
  await notifyNewOwners(
    context,
    changes.flatMap((change, index) => (change.result === 'handedOver' ? (written[index] ?? []) : [])),
    name,
  );
  if (context.tapped) return undefined;
  const lines = changes.map(({ result, alert }, index): AlertReply => {
    const text = replyOf(result, alert, written[index]?.ack?.owner.name);
    return { number: alert.number, text, textForMany: MANY[result] };
  });
  return [...replyLines(lines), ...replyLines(problems)].join('\n');
}

const allEnded = (numbers: string): string => `${numbers} have ended; there is nothing to release.`;
const notAcked = (numbers: string): string => `${numbers} are not acknowledged.`;
const openAgain = (numbers: string): string => `You released ${numbers}; they are open again.`;
const MANY: Readonly<Record<ReleaseResult, AlertReply['textForMany']>> = {
  left: (numbers) => `You left ${numbers}.`,
  handedOver: (numbers) => `You released ${numbers}; they have new owners now.`,
  released: openAgain,
  unchanged: openAgain,
};

/** The only alert here that the sender is on. */
async function mineHere(context: AlertCommandContext): Promise<number[]> {
  const { key } = holderOf(context.sender);
  const mine = (await openAlertsHere(context, 'unack')).filter(
    (alert) => alert.ack && [alert.ack.owner, ...alert.ack.others].some((one) => one.key === key),
  );
  return mine.length === 1 ? mine.map((alert) => alert.number) : [];
}

/** Rings the new owners. */
async function notifyNewOwners(
  context: AlertCommandContext,
  alerts: readonly StoredAlert[],
  from: string,
): Promise<void> {
  for (const alert of alerts) {
    const owner = alert.ack?.owner;
    if (!owner) continue;
    const text = `${escape(oneLine(owner.name, 60))} has #${alert.number} now; ${from} released it · \`unack ${alert.number}\``;
    for (const { room, key } of threadsOf(context, [alert])) {
      for (const address of context.rooms.byName(room)?.addresses ?? [])
        await context.say(
          address,
          { text, mentions: mentionsIn(context, address, [owner]) },
          { ring: true, queue: 'page', inThreadOf: key },
        );
    }
  }
}

function replyOf(result: ReleaseResult, alert: StoredAlert, owner: string | undefined): string {
  if (result === 'handedOver') return `You released #${alert.number}; ${escape(oneLine(owner ?? '', 60))} has it now.`;
  return result === 'left' ? `You left #${alert.number}.` : `You released #${alert.number}; it is open again.`;
}
