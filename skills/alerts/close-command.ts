import { escape, type CommandArgs, type CommandContext, type Handled } from '#skill';
import { lockNumbers, missing, numbersOf, parseAbout, showChanged } from './lock.ts';
import type { AlertOptions } from './options.ts';
import { sayInThreads } from './threads.ts';
import { oneLine } from './text.ts';
import { writeEnds } from './write-ends.ts';
import { holderOf } from './ack.ts';

type Asked = CommandContext<AlertOptions, CommandArgs>;

/** `close 12 reason`: over for us, until it fires again. */
export async function runClose(context: Asked): Promise<Handled> {
  const { ids, reason } = context.args as { ids?: string[]; reason?: string };
  const about = parseAbout(context.about);
  const numbers = ids ? numbersOf(ids) : about && 'alert' in about ? [about.alert] : [];
  const [first] = numbers;
  if (first === undefined) return context.wrong('Which one? Say `close 12 reason`.');
  if (!reason) return context.wrong(`Say why, it is kept with the alert: \`close ${numbers.join(' ')} reason\`.`);
  const { alerts, groups } = await lockNumbers(context, numbers);
  const complaints: string[] = [];
  for (const number of numbers) {
    const alert = alerts.find((one) => one.number === number);
    if (!alert) complaints.push(await missing(context, number));
    else if (alert.phase !== 'firing') complaints.push(`#${number} is ${alert.phase} already.`);
  }
  const open = alerts.filter((alert) => alert.phase === 'firing');
  if (open.length === 0) return context.wrong(complaints.join('\n'));
  const ends = open.map((alert) => ({
    alert: { ...alert, phase: 'closed' as const, endedAt: context.now },
    ...{ reason: 'closed' as const, who: holderOf(context.sender).name, detail: oneLine(reason, 500) },
  }));
  await writeEnds(context.sql, ends, context.now);
  const closed = ends.map(({ alert }) => alert);
  await showChanged(context, closed, groups, { ring: false });
  const said = `closed ${closed.map((alert) => `#${alert.number}`).join(' ')} until ${closed.length === 1 ? 'it fires' : 'they fire'} again: ${escape(oneLine(reason, 500))}`;
  await sayInThreads(
    context,
    closed,
    `${escape(oneLine(context.sender.name, 60))} ${said}`,
    context.tapped ? undefined : context.room,
  );
  return [`${said.charAt(0).toUpperCase()}${said.slice(1)}`, ...complaints].join('\n');
}

/** `resolve` is a word people bring: only the source can say that it is over. */
export function runResolve(context: Asked): Promise<void> {
  const { ids } = context.args as { ids?: string[] };
  return context.wrong(
    `An alert resolves when its source says so. To take it off the list until it fires again: \`close ${ids?.join(' ') ?? '12'} reason\`.`,
  );
}
