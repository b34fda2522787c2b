import { escape, type Handled } from '#skill';
import { giveBack, holderOf, type Given } from './ack.ts';
import type { Numbered } from './alert.ts';
import { lockHere, numbersAsked, openHere, type Asked } from './here.ts';
import { showChanged } from './lock.ts';
import { mentionsIn, threadsOf } from './threads.ts';
import { linesOf, oneLine, type About } from './text.ts';
import { writeAcks, type AckWritten } from './write-acks.ts';

/** `unack`, or a tap taken away: gives back what one has; typed, also what somebody else has. */
export async function runUnack(context: Asked): Promise<Handled> {
  const numbers = (await numbersAsked(context)) ?? (await mineHere(context));
  if (numbers.length === 0) return context.wrong('Which one? Say `unack 12`; `alerts` lists what is open.');
  const { alerts, groups, missing } = await lockHere(context, 'unack', numbers);
  const holder = holderOf(context.sender);
  const complaints = [...missing];
  const changes: (AckWritten & { given: Given })[] = [];
  for (const alert of alerts.toSorted((a, b) => a.number - b.number)) {
    const { number, phase } = alert;
    if (phase !== 'firing')
      complaints.push({ number, says: `#${number} is ${phase}; there is nothing to give back.`, ofMany: allOver });
    else if (!alert.ack) complaints.push({ number, says: `Nobody has #${number}.`, ofMany: nobodyHas });
    else {
      const { ack, given } = giveBack(alert.ack, holder, context.tapped);
      const what = given === 'left' ? 'left' : 'unacked';
      if (given !== 'none') changes.push({ alert, ack, given, what, who: holder.name, detail: null });
    }
  }
  // A tap that is taken away from what is over says nothing to anybody.
  if (changes.length === 0) return context.tapped ? undefined : context.wrong(linesOf(complaints).join('\n'));
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
  const lines = changes.map(({ given, alert }, index): About => {
    const says = answer(given, alert, written[index]?.ack?.owner.name);
    return { number: alert.number, says, ofMany: MANY[given] };
  });
  return [...linesOf(lines), ...linesOf(complaints)].join('\n');
}

const allOver = (numbers: string): string => `${numbers} are over; there is nothing to give back.`;
const nobodyHas = (numbers: string): string => `Nobody has ${numbers}.`;
const openAgain = (numbers: string): string => `${numbers} are open again.`;
const MANY: Readonly<Record<Given, About['ofMany']>> = {
  left: (numbers) => `You are off ${numbers}.`,
  handed: (numbers) => `${numbers} have new owners now.`,
  open: openAgain,
  none: openAgain,
};

/** The only one here that the sender has. */
async function mineHere(context: Asked): Promise<number[]> {
  const { key } = holderOf(context.sender);
  const mine = (await openHere(context, 'unack')).filter(
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
