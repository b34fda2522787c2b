import { escape, type Handled } from '#skill';
import { holderOf } from './ack.ts';
import { replyLines } from './alert-reply.ts';
import type { StoredAlert } from './alert.ts';
import { parseKey, showChanged } from './display.ts';
import { numbersText, oneLine } from './text.ts';
import { postInThreads } from './threads.ts';
import { lockVisibleAlerts, type AlertCommandContext } from './visible-alerts.ts';
import { writeEnds } from './write-ends.ts';

/** `close 12 reason`: takes alerts off the list until they fire again. */
export async function runClose(context: AlertCommandContext): Promise<Handled> {
  const { ids, reason } = context.args as { ids?: string[]; reason?: string };
  const subject = parseKey(context.about);
  const numbers = ids ? ids.map(Number) : subject && 'alert' in subject ? [subject.alert] : [];
  const [first] = numbers;
  if (first === undefined) return context.wrong('Which one? Say `close 12 reason`.');
  if (!reason)
    return context.wrong(
      `Add a reason, it is recorded with the alert: \`close ${numbers.slice(0, 20).join(' ')} reason\`.`,
    );
  const { alerts, groups, missing } = await lockVisibleAlerts(context, 'close', numbers);
  const problems = [...missing];
  for (const { number, phase } of alerts)
    if (phase !== 'firing') problems.push({ number, text: `#${number} is already ${phase}.`, textForMany: allEnded });
  const open = alerts.filter((alert) => alert.phase === 'firing').toSorted((a, b) => a.number - b.number);
  if (open.length === 0) return context.wrong(replyLines(problems).join('\n'));
  const ends = open.map((alert) => ({
    alert: { ...alert, phase: 'closed' as const, endedAt: context.now },
    ...{ reason: 'closed' as const, who: holderOf(context.sender).name, detail: oneLine(reason, 500) },
  }));
  await writeEnds(context.sql, ends, context.now);
  const closed = ends.map(({ alert }) => alert);
  await showChanged(context, closed, groups, { ring: false });
  const summary = (some: readonly StoredAlert[]): string =>
    `closed ${numbersText(some.map((alert) => alert.number))} until ${some.length === 1 ? 'it fires' : 'they fire'} again: ${escape(oneLine(reason, 500))}`;
  const name = escape(oneLine(context.sender.name, 60));
  await postInThreads(
    context,
    closed,
    (inRoom) => `${name} ${summary(inRoom)}`,
    context.tapped ? undefined : context.room,
  );
  const reply = summary(closed);
  return [`${reply.charAt(0).toUpperCase()}${reply.slice(1)}`, ...replyLines(problems)].join('\n');
}

const allEnded = (numbers: string): string => `${numbers} have already ended.`;

/** `resolve` explains itself: only the source of an alert can resolve it. */
export function runResolve(context: AlertCommandContext): Promise<void> {
  const { ids } = context.args as { ids?: string[] };
  return context.wrong(
    `An alert resolves when its source reports it resolved. To take it off the list until it fires again: \`close ${ids?.slice(0, 20).join(' ') ?? '12'} reason\`.`,
  );
}
