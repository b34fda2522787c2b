import { escape, type CommandArgs, type CommandContext, type Handled } from '#skill';
import { giveBack, holderOf, type Given } from './ack.ts';
import type { Numbered } from './alert.ts';
import { lockNumbers, missing, numbersInGroup, numbersOf, openHere, parseAbout, showChanged } from './lock.ts';
import type { AlertOptions } from './options.ts';
import { mentionsIn, threadsOf } from './threads.ts';
import { oneLine } from './text.ts';
import { writeAcks, type AckWritten } from './write-acks.ts';

type Asked = CommandContext<AlertOptions, CommandArgs>;

/** `unack`, or a tap taken away: gives back what one has; typed, also what somebody else has. */
export async function runUnack(context: Asked): Promise<Handled> {
  const { ids } = context.args as { ids?: string[] };
  const numbers = ids ? numbersOf(ids) : await numbersHere(context);
  if (numbers.length === 0) return context.wrong('Which one? Say `unack 12`; `alerts` lists what is open.');
  const { alerts, groups } = await lockNumbers(context, numbers);
  const holder = holderOf(context.sender);
  const found = new Map(alerts.map((alert) => [alert.number, alert]));
  const complaints: string[] = [];
  const changes: (AckWritten & { given: Given })[] = [];
  for (const number of numbers) {
    const alert = found.get(number);
    if (!alert) complaints.push(await missing(context, number));
    else if (alert.phase !== 'firing') complaints.push(`#${number} is ${alert.phase}; there is nothing to give back.`);
    else if (!alert.ack) complaints.push(`Nobody has #${number}.`);
    else {
      const { ack, given } = giveBack(alert.ack, holder, context.tapped);
      if (given !== 'none')
        changes.push({
          alert,
          ack,
          given,
          what: given === 'left' ? 'left' : 'unacked',
          who: holder.name,
          detail: null,
        });
    }
  }
  // A tap that is taken away from what is over says nothing to anybody.
  if (changes.length === 0) return context.tapped ? undefined : context.wrong(complaints.join('\n'));
  const written = await writeAcks(context.sql, changes, context.now);
  const open = written.filter((alert) => alert.ack === null);
  const quiet = written.filter((alert) => alert.ack !== null);
  const name = escape(oneLine(holder.name, 60));
  // A group is shown once, and rings when anything in it is open again.
  if (open.length > 0)
    await showChanged(context, open, groups, { ring: true, note: `**open again**: ${name} gave it back` });
  const shown = new Set(open.flatMap((alert) => alert.places.map((place) => place.group)));
  await showChanged(
    context,
    quiet,
    groups.filter((group) => !shown.has(group.id)),
    { ring: false },
  );
  await tellOwners(
    context,
    changes.flatMap((change, index) => (change.given === 'handed' ? (written[index] ?? []) : [])),
    name,
  );
  if (context.tapped) return undefined;
  const lines = changes.map(({ given, alert }, index) => answer(given, alert, written[index]?.ack?.owner.name));
  return [...lines, ...complaints].join('\n');
}

/** The alert answered to; else the only one here that the sender has. */
async function numbersHere(context: Asked): Promise<number[]> {
  const about = parseAbout(context.about);
  if (about) return 'alert' in about ? [about.alert] : numbersInGroup(context, about.group);
  const { key } = holderOf(context.sender);
  const mine = (await openHere(context, context.room)).filter(
    (alert) => alert.ack && [alert.ack.owner, ...alert.ack.others].some((one) => one.key === key),
  );
  return mine.length === 1 ? mine.map((alert) => alert.number) : [];
}

/** Hand-over rings the new owner. */
async function tellOwners(context: Asked, alerts: readonly Numbered[], from: string): Promise<void> {
  for (const alert of alerts) {
    const owner = alert.ack?.owner;
    if (!owner) continue;
    const text = `${escape(oneLine(owner.name, 60))} has #${alert.number} now; ${from} gave it back · \`unack ${alert.number}\``;
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

function answer(given: Given, alert: Numbered, owner: string | undefined): string {
  if (given === 'handed') return `#${alert.number} is ${escape(oneLine(owner ?? '', 60))}'s now.`;
  return given === 'left' ? `You are off #${alert.number}.` : `#${alert.number} is open again.`;
}
