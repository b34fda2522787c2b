import { escape, type Handled } from '#skill';
import type { Numbered } from './alert.ts';
import { lockHere, type Asked } from './here.ts';
import { parseAbout, showChanged } from './lock.ts';
import { sayInThreads } from './threads.ts';
import { linesOf, numbersText, oneLine } from './text.ts';
import { writeEnds } from './write-ends.ts';
import { holderOf } from './ack.ts';

/** `close 12 reason`: over for us, until it fires again. */
export async function runClose(context: Asked): Promise<Handled> {
  const { ids, reason } = context.args as { ids?: string[]; reason?: string };
  const about = parseAbout(context.about);
  const numbers = ids ? ids.map(Number) : about && 'alert' in about ? [about.alert] : [];
  const [first] = numbers;
  if (first === undefined) return context.wrong('Which one? Say `close 12 reason`.');
  if (!reason)
    return context.wrong(`Say why, it is kept with the alert: \`close ${numbers.slice(0, 20).join(' ')} reason\`.`);
  const { alerts, groups, missing } = await lockHere(context, 'close', numbers);
  const complaints = [...missing];
  for (const { number, phase } of alerts)
    if (phase !== 'firing') complaints.push({ number, says: `#${number} is ${phase} already.`, ofMany: allOver });
  const open = alerts.filter((alert) => alert.phase === 'firing').toSorted((a, b) => a.number - b.number);
  if (open.length === 0) return context.wrong(linesOf(complaints).join('\n'));
  const ends = open.map((alert) => ({
    alert: { ...alert, phase: 'closed' as const, endedAt: context.now },
    ...{ reason: 'closed' as const, who: holderOf(context.sender).name, detail: oneLine(reason, 500) },
  }));
  await writeEnds(context.sql, ends, context.now);
  const closed = ends.map(({ alert }) => alert);
  await showChanged(context, closed, groups, { ring: false });
  const said = (these: readonly Numbered[]): string =>
    `closed ${numbersText(these.map((alert) => alert.number))} until ${these.length === 1 ? 'it fires' : 'they fire'} again: ${escape(oneLine(reason, 500))}`;
  const name = escape(oneLine(context.sender.name, 60));
  await sayInThreads(context, closed, (there) => `${name} ${said(there)}`, context.tapped ? undefined : context.room);
  const answer = said(closed);
  return [`${answer.charAt(0).toUpperCase()}${answer.slice(1)}`, ...linesOf(complaints)].join('\n');
}

const allOver = (numbers: string): string => `${numbers} are over already.`;

/** `resolve` is a word people bring: only the source can say that it is over. */
export function runResolve(context: Asked): Promise<void> {
  const { ids } = context.args as { ids?: string[] };
  return context.wrong(
    `An alert resolves when its source says so. To take it off the list until it fires again: \`close ${ids?.slice(0, 20).join(' ') ?? '12'} reason\`.`,
  );
}
