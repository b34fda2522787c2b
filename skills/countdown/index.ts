import { defineSkill, defineTimer, escape, formatTime, z, type CommandContext } from '#skill';
import {
  countdownOptions,
  dueAt,
  numberOf,
  parseLength,
  positionAt,
  type Count,
  type CountdownOptions,
} from './count.ts';
import { continueCount, end, findCounts, lastShown, numberLost, plan, titleOf } from './plan.ts';
import { running } from './running.ts';

type CountdownCommand = CommandContext<CountdownOptions, Record<string, unknown>>;
const HERE = 'where connector = $1 and room = $2 for update';
const isRunning = (count: Count | undefined, now: Date): count is Count =>
  count !== undefined && positionAt(count, now) < count.length;
const LENGTHS = [10, 60, 300, 600, 1800, 3600, 9999];
const progressText = (count: Count, now: Date): string =>
  positionAt(count, now) === 0 ? 'about to start' : `at ${numberOf(count, positionAt(count, now))}`;

const start = (down: boolean) => async (context: CountdownCommand) => {
  const { sql, room, sender, now, options, args } = context;
  const length = parseLength(String(args['n']), options.max);
  const say = `count ${down ? 'down from' : 'to'}`;
  if (length === undefined)
    return context.invalid(`I ${say} a whole number from 1 to ${options.max}, in plain digits.`);
  const [running] = await findCounts(sql, HERE, room.connector, room.room);
  if (isRunning(running, now))
    return context.wrong(`Busy with ${titleOf(running)}, ${progressText(running, now)}. Say \`stop\` first.`);
  if (running) await end(context, running);
  const begun = await sql<Count>(
    `insert into countdowns (connector, room, began, down, length, started_at) values ($1, $2, $3, $4, $5, $6) returning *, started_at as "startedAt"`,
    [room.connector, room.room, JSON.stringify(sender), down, length, now],
  );
  for (const count of begun) await plan(context, count);
  await context.observe('watchbell_countdown_length', length);
};

/** Stops the sender's own count; with permission for `stop countdown`, anyone's. */
async function stop(context: CountdownCommand): Promise<void> {
  const { sql, room, sender, now } = context;
  const [count] = await findCounts(sql, HERE, room.connector, room.room);
  if (!isRunning(count, now)) return context.wrong('No count is running here.');
  const { accountId, person, name } = count.began;
  const isOwn = accountId === sender.accountId || (person !== undefined && person === sender.person);
  if (!isOwn && !(await context.can(sender, 'stop countdown', room)))
    return context.wrong(`${escape(name)} started this count. Ask someone who is allowed to use \`stop countdown\`.`);
  const at = await lastShown(context, count);
  await end(context, count);
  return context.cancelled(at === undefined ? `Stopped ${titleOf(count)}.` : `Stopped at ${at}.`);
}

async function list({ sql, rooms, room, now, timeZone }: CountdownCommand): Promise<string> {
  const lines = (await findCounts(sql, 'order by id')).flatMap((count) => {
    const isHere = count.connector === room.connector && count.room === room.room;
    const name = rooms.byAddress(count)?.name ?? (isHere ? 'here' : undefined);
    // Counts in direct messages are private.
    if (name === undefined || !isRunning(count, now)) return [];
    const ends = formatTime(dueAt(count, count.length), timeZone, now);
    return `**${escape(name)}**: ${titleOf(count)}, ${progressText(count, now)}, ends ${ends}, started by ${escape(count.began.name)}`;
  });
  return lines.length > 0 ? lines.join('\n') : 'No count is running. Say `count to 10`.';
}

export default defineSkill<CountdownOptions>({
  name: 'countdown',
  description: 'counts, one message a second, on the second, through restarts',
  options: countdownOptions,
  check: ({ rooms = [] }, names) =>
    rooms.flatMap((room, index) =>
      names.rooms.includes(room) ? [] : [{ path: ['rooms', index], message: `there is no room called "${room}"` }],
    ),
  rooms: ({ rooms }) => rooms,
  commands: {
    'count to {n...}': { help: 'counts up from 1, one number a second', class: 'respond', run: start(false) },
    'count down from {n...}': { help: 'counts down to 1, one number a second', class: 'respond', run: start(true) },
    stop: { help: 'stops the count you started here', class: 'respond', late: 'run', run: stop },
    'stop countdown': { help: 'stops the count here, whoever started it', class: 'act', late: 'run', run: stop },
    countdowns: { help: 'lists the running counts', run: list },
  },
  queries: { running },
  timers: {
    goOn: defineTimer<CountdownOptions, { id: number }>({ payload: z.object({ id: z.int() }), run: continueCount }),
  },
  deliveryReport: numberLost,
  histograms: { watchbell_countdown_length: { help: 'Length of each count that was started', buckets: LENGTHS } },
});
