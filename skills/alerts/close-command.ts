import { escape, type CommandArgs, type CommandContext, type Handled } from '#skill';
import { lockNumbers, missing, numbersOf, parseAbout, showChanged } from './lock.ts';
import type { AlertOptions } from './options.ts';
import { sayInThreads } from './threads.ts';
import { oneLine } from './text.ts';
import { writeAlerts } from './write-alerts.ts';
import { holderOf } from './ack.ts';
import type { Numbered } from './alert.ts';

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
  const closed = await close(context, open, oneLine(reason, 500));
  await showChanged(context, closed, groups, { ring: false });
  const said = `closed ${closed.map((alert) => `#${alert.number}`).join(' ')} until ${closed.length === 1 ? 'it fires' : 'they fire'} again: ${escape(oneLine(reason, 500))}`;
  await sayInThreads(context, closed, `${escape(oneLine(context.sender.name, 60))} ${said}`, context.tapped ? undefined : context.room);
  return [`${said.charAt(0).toUpperCase()}${said.slice(1)}`, ...complaints].join('\n');
}

/** One statement a source; nearly always there is one. */
async function close(context: Asked, alerts: readonly Numbered[], reason: string): Promise<Numbered[]> {
  const closed: Numbered[] = [];
  for (const source of new Set(alerts.map((alert) => alert.source))) {
    const writes = alerts
      .filter((alert) => alert.source === source)
      .map((alert) => ({
        alert: { ...alert, phase: 'closed' as const, endedAt: context.now },
        ...{ opens: false, ends: 'closed' as const, numbered: false, what: 'closed', who: holderOf(context.sender).name, detail: reason },
      }));
    closed.push(...(await writeAlerts(context.sql, source, writes, context.now)));
  }
  return closed;
}

/** `resolve` is a word people bring: only the source can say that it is over. */
export function runResolve(context: Asked): Promise<void> {
  const { ids } = context.args as { ids?: string[] };
  return context.wrong(`An alert resolves when its source says so. To take it off the list until it fires again: \`close ${ids?.join(' ') ?? '12'} reason\`.`);
}
