import { CommandError, defineSkill, defineTimer, escape, formatTime, z, type Command } from '#skill';
import { join, pause, skip, unskip } from './participation.ts';
import { answerCommand, followUpTimer } from './follow-up.ts';
import { openConversationTask, openNextTimer } from './open-conversation.ts';
import { checkCoffee, coffeeOptions, roundsNamed, type CoffeeOptions } from './options.ts';
import { retryPairingTimer, pairTask } from './pair-task.ts';
import { queries } from './queries.ts';
import { answerRequest } from './answer-request.ts';
import { latestRound, postInRooms } from './rounds.ts';
import { seedOf, startRound } from './start-round.ts';
import { stats } from './stats.ts';
import { history, status } from './status.ts';
import { exampleDay } from './wording.ts';

/** After longer downtime a missed round is reported instead of started: nobody expects it any more. */
const MAX_LATE_MS = 24 * 3_600_000;

/** A request from `watchbell pair`. */
const request = z.object({
  id: z.string(),
  /** A room or a round. */
  target: z.string(),
  dry: z.boolean().optional(),
  explain: z.string().optional(),
});

const commands: Readonly<Record<string, Command<CoffeeOptions>>> = {
  'coffee status': status,
  'coffee history': history,
  'coffee stats {name?}': stats,
  'coffee pause [until {date}] [for {time:duration}]': pause,
  'coffee skip {name?}': skip,
  'coffee unskip {name} {n:int}': unskip,
  'coffee join': join,
  'coffee met {n:int?}': answerCommand('met', 'records that you met'),
  'coffee planned {n:int?}': answerCommand('planned', 'records that you have planned a time'),
  'coffee no {n:int?}': answerCommand('no', 'records that you did not meet'),
  'coffee pair {name?}': {
    help: 'starts a round now',
    class: 'act',
    async run(context) {
      const { options, args, room } = context;
      const names = roundsNamed(options, args['name'] === undefined ? (room.name ?? '') : String(args['name']));
      if (names.length === 0)
        throw new CommandError(
          `Say which round: ${
            Object.keys(options.rounds)
              .map((one) => `\`!coffee pair ${one}\``)
              .join(', ') || 'none is configured'
          }.`,
        );
      const says: string[] = [];
      for (const name of names) says.push((await startRound(context, name)).says);
      return says.map(escape).join('\n');
    },
  },
};

export default defineSkill<CoffeeOptions>({
  name: 'coffee',
  description: 'pairs people for coffee, and asks later whether they met',
  options: coffeeOptions,
  check: checkCoffee,
  rooms: (options) => Object.values(options.rounds).flatMap(({ room }) => room),
  commands,
  queries,
  cli: {
    'pair <room>': {
      help: 'starts a coffee round in a room, unless one has started; the running bot does it',
      flags: [
        { flags: '--dry-run', help: 'shows the round without starting it, and how good it is' },
        { flags: '--explain <person>', help: 'with --dry-run: explains why this person meets the people they meet' },
        { flags: '--wait <seconds>', help: 'how long to wait for the answer', default: '120' },
      ],
      run: async (program) => (await import('./cli-pair.ts')).pair(program),
    },
    'import coffeebot <file>': {
      help: 'imports past pairs from the SQLite file of mattermost-coffeebot',
      flags: [
        { flags: '--round <name>', help: 'round to import into (default: the only one)' },
        {
          flags: '--connector <name>',
          help: 'connector of these accounts, even if it is not configured yet (default: mattermost)',
        },
        { flags: '--people <file>', help: 'lines "USER-ID PERSON": the key under people: for each user' },
      ],
      run: async (program) => (await import('./cli-import.ts')).importCoffeebot(program),
    },
  },
  crons: {
    round: {
      schedule: ({ rounds }) =>
        Object.fromEntries(
          Object.entries(rounds).flatMap(([name, { every }]) => (every === undefined ? [] : [[name, { cron: every }]])),
        ),
      async run(context, { key = '', at, lateMs }) {
        const round = context.options.rounds[key];
        if (!round) return;
        const when = formatTime(at, context.timeZone, context.now);
        if (lateMs > MAX_LATE_MS) {
          const text = `☕ I was offline when the coffee round of ${when} was due. \`!coffee pair\` starts one now.`;
          return postInRooms(context, round.room, `late:${key}:${at.toISOString()}`, text);
        }
        const { started, says, blocked } = await startRound(context, key);
        if (started) return;
        context.log.info({ round: key, says }, 'no round was started');
        const text = `☕ The coffee round of ${when} was skipped. ${escape(says)} Once that round is done, \`!coffee pair\` starts a new one.`;
        if (blocked) await postInRooms(context, round.room, `left-out:${key}:${at.toISOString()}`, text);
      },
    },
    warn: {
      schedule: ({ rounds }) =>
        Object.fromEntries(
          Object.entries(rounds).flatMap(([name, { every, warn }]) =>
            every === undefined || warn === undefined ? [] : [[name, { cron: every, leadTimeMs: warn }]],
          ),
        ),
      async run(context, { key = '', at }) {
        const { options, sql, now, timeZone } = context;
        const round = options.rounds[key];
        if (!round) return;
        const startsAt = new Date(at.getTime() + (round.warn ?? 0));
        // After downtime: too late for a warning.
        if (startsAt <= now) return;
        const which = `${key} ${((await latestRound(sql, key))?.number ?? 0) + 1}`;
        const message = {
          text: `☕ The next coffee round is ${formatTime(startsAt, timeZone, now)}. Not this time? Tap 🚫 or say \`!coffee skip\`; for longer, \`!coffee pause until ${exampleDay(now)}\`.`,
          actions: [{ label: 'Skip', emoji: '🚫', command: `coffee skip ${which}`, undo: `coffee unskip ${which}` }],
        };
        await postInRooms(context, round.room, `warn:${key}:${startsAt.toISOString()}`, message, { until: startsAt });
      },
    },
  },
  events: {
    'coffee.pair': {
      payload: request,
      async run(context, { id, target, dry = false, explain }: z.output<typeof request>) {
        const names = roundsNamed(context.options, target);
        if (names.length === 0)
          return answerRequest(context, id, {
            ok: false,
            says: `There is no coffee round or room called "${target}".`,
          });
        for (const name of names) {
          if (dry) {
            const number = ((await latestRound(context.sql, name))?.number ?? 0) + 1;
            await context.task('pair', {
              name,
              number,
              seed: seedOf(name, number),
              at: context.now.toISOString(),
              request: `${id}:${name}`,
              ...(explain !== undefined && { explain }),
            });
          } else {
            const result = await startRound(context, name, `${id}:${name}`);
            if (!result.started) await answerRequest(context, `${id}:${name}`, { ok: true, says: result.says });
          }
        }
      },
    },
  },
  timers: {
    again: defineTimer(retryPairingTimer),
    open: defineTimer(openNextTimer),
    followUp: followUpTimer,
    forget: defineTimer<CoffeeOptions, string>({
      payload: z.string(),
      run: ({ state }, { payload }) => state.set(`request:${payload}`, undefined),
    }),
  },
  tasks: { pair: pairTask, open: openConversationTask },
});
