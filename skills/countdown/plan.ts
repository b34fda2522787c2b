import { formatTime, type Context, type DeliveryReport, type Sql, type TimerFired } from '#skill';
import {
  dueAt,
  validUntil,
  numberOf,
  positionAt,
  numbersBetween,
  slowerStep,
  type Count,
  type CountdownOptions,
} from './count.ts';

type CountdownContext = Context<CountdownOptions>;
/** How a room learns about missed numbers: the text of the next number, and the reason. */
type Gap = readonly [message: (number: string) => string, why: string];

/** Numbers scheduled at once, and when the next ones are scheduled: early, in case the timer is late. */
const BATCH = 10;
const NEXT_BATCH_AFTER_S = 8;
/** A number due sooner than this may already be on its way: a later one explains the gap. */
const MIN_LEAD_MS = 250;
/** This long after it is due, the last number is either sent or dropped. */
const GRACE_MS = 2000;
const AWAY: Gap = [(number) => `…back at ${number}`, 'I was offline'];
const keyOf = (count: Count, k: number): string => `${count.id}:${k}`;
export const titleOf = (count: Count): string => `the count ${count.down ? 'down from' : 'to'} ${count.length}`;
const isShownByEdits = ({ options }: CountdownContext, { step }: Count): boolean => step > 1 && options.slow === 'edit';

export const findCounts = (sql: Sql, rest: string, ...parameters: unknown[]): Promise<Count[]> =>
  sql(`select *, started_at as "startedAt" from countdowns ${rest}`, parameters);

/** Ends a count: cancels what is planned, and posts `last` if given. */
export async function end(context: CountdownContext, count: Count, last?: string): Promise<void> {
  await cancelPlanned(context, count, positionAt(count, context.now) + 1);
  await context.cancel(`count:${count.id}`);
  await context.sql('delete from countdowns where id = $1', [count.id]);
  if (last !== undefined) await context.say(count, { text: last, notice: true });
}

/** Cancels planned numbers from `from` on, except those in `still`. */
async function cancelPlanned(context: CountdownContext, count: Count, from: number, still: readonly number[] = []) {
  for (let k = from; k <= count.planned; k++) if (!still.includes(k)) await context.remove(count, keyOf(count, k));
}

/** The last number that the room shows or is about to show. */
export async function lastShown(context: CountdownContext, count: Count): Promise<string | undefined> {
  if (isShownByEdits(context, count)) return numberOf(count, count.planned);
  const at = positionAt(count, context.now);
  for (const k of numbersBetween(count, at - BATCH * count.step, at).reverse()) {
    const state = (await context.shown(count, keyOf(count, k)))?.state;
    if (state === 'shown' || state === 'waiting') return numberOf(count, k);
  }
  return undefined;
}

/** Schedules the next numbers, each for its second, and a timer before they run out. `gap`: explains missed numbers. */
export async function plan(context: CountdownContext, count: Count, gap?: Gap): Promise<void> {
  if (isShownByEdits(context, count)) return edit(context, count);
  const at = positionAt(count, new Date(context.now.getTime() + (gap ? MIN_LEAD_MS : 0)));
  const first = gap ? at + 1 : Math.max(count.planned, at) + 1;
  // The bot was offline: numbers that were due in the meantime are missed.
  const missed = gap ?? (numbersBetween(count, count.planned + 1, first - 1).length > 0 ? AWAY : undefined);
  if (missed && first > count.length) return end(context, count, endedText(context, count, missed[1]));
  const said = numbersBetween(count, first, at + BATCH * count.step);
  for (const [index, k] of said.entries()) {
    if (gap === AWAY && index > 0 && k <= count.planned) continue; // already planned, and correct
    const text = missed && index === 0 ? missed[0](numberOf(count, k)) : numberOf(count, k);
    const times = { notBefore: dueAt(count, k), until: validUntil(count, k) };
    await context.post(count, keyOf(count, k), { text, notice: true }, { ...times, report: 'lost' });
  }
  await cancelPlanned(context, count, first, said);
  const planned = said.at(-1) ?? count.planned;
  // Spreads the timers of counts that started together.
  const wait = NEXT_BATCH_AFTER_S * 1000 * count.step * (count.planned === 0 ? 0.1 + 0.9 * Math.random() : 1);
  const next = planned < count.length ? context.now.getTime() + wait : dueAt(count, planned).getTime() + GRACE_MS;
  await scheduleNext(context, { ...count, planned, told: missed ? first : count.told }, new Date(next));
}

/** One message that shows the current number. Edits may be merged, so each one repeats the reason. */
async function edit(context: CountdownContext, count: Count): Promise<void> {
  const at = Math.max(1, positionAt(count, context.now));
  const why = at < count.length ? `, edited every ${count.step} s: this room is rate-limited` : '';
  const text = `${numberOf(count, at)}${why}`;
  await context.post(count, `${count.id}:edited`, { text, notice: true });
  if (at === count.length) return end(context, count);
  await cancelPlanned(context, count, at + 1);
  const [next = count.length] = numbersBetween(count, at + 1, at + count.step);
  await scheduleNext(context, { ...count, planned: at, told: at }, dueAt(count, next));
}

async function scheduleNext({ sql, at }: CountdownContext, count: Count, time: Date): Promise<void> {
  const { id, planned, told, step } = count;
  await sql('update countdowns set planned = $2, told = $3, step = $4 where id = $1', [id, planned, told, step]);
  await at(`count:${count.id}`, time, 'goOn', { id });
}

const endedText = ({ timeZone, now }: CountdownContext, count: Count, why: string): string =>
  `${titleOf(count)} ended at ${formatTime(dueAt(count, count.length), timeZone, now)}; ${why}.`;

/** A count's timer: schedules more numbers, or ends the count once the last one is sent or dropped. */
export async function continueCount(
  context: CountdownContext,
  { payload: { id } }: TimerFired<{ id: number }>,
): Promise<void> {
  const [count] = await findCounts(context.sql, 'where id = $1 for update', id);
  if (!count) return;
  if (count.planned < count.length) return plan(context, count);
  // The report about a number lost just before the end may arrive after it.
  const ends = numbersBetween(count, count.told, count.length).slice(-2);
  const states = await Promise.all(ends.map(async (k) => (await context.shown(count, keyOf(count, k)))?.state));
  if (states.at(-1) === 'waiting') return scheduleNext(context, count, new Date(context.now.getTime() + GRACE_MS));
  await end(context, count, states.includes('dropped') ? endedText(context, count, AWAY[1]) : undefined);
}

/** A number was not sent: the next one explains why, once. A rate-limited room gets fewer numbers from now on. */
export async function numberLost(context: CountdownContext, { key, state, everyMs }: DeliveryReport): Promise<void> {
  const [id, k = Number.NaN] = key.split(':').map(Number);
  const [count] = await findCounts(context.sql, 'where id = $1 for update', id);
  if (!count || !(k >= count.told)) return;
  // The room rejects the bot: nobody there can be told, and each further number would become a dead letter.
  if (state === 'dead') return end(context, count);
  if (everyMs === null || everyMs <= 1000) return plan(context, count, AWAY);
  const why = `this room allows one message every ${Math.ceil(everyMs / 100) / 10} s`;
  if (context.options.slow === 'stop') return end(context, count, `I stop ${titleOf(count)}: ${why}.`);
  const step = slowerStep(count.step, everyMs);
  return plan(context, { ...count, step }, [(number) => `${number}, now in steps of ${step}: ${why}`, why]);
}
