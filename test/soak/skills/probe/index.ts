// The load of the soak test besides alerts: each part is answered, ended or counted once, by another part of the core.
import { defineSkill, defineTimer, z, type CommandContext, type Context, type WebhookCall } from '#skill';
import { job, type Job } from './job.ts';

const options = z.object({
  token: z.object({ file: z.string() }),
  /** Directory in which each task writes a file. */
  outbox: z.string(),
});
export type ProbeOptions = z.output<typeof options>;

type Asking = CommandContext<ProbeOptions, Record<string, unknown>>;

const said = z.object({ word: z.string(), room: z.object({ connector: z.string(), room: z.string() }) });
const saidOf = ({ args, room }: Asking): z.output<typeof said> => ({
  word: String(args['word']),
  room: { connector: room.connector, room: room.room },
});

/** A message with buttons and the presses so far: each press creates a new version. */
async function showBallot({ sql, post, room }: Asking, ballot: string): Promise<void> {
  const rows = await sql<{ choice: string }>('select choice from probe_presses where ballot = $1', [ballot]);
  const count = (choice: string): number => rows.filter((row) => row.choice === choice).length;
  await post(room, `ballot:${ballot}`, {
    text: `Ballot ${ballot}: ${count('no')} no, ${count('yes')} yes`,
    actions: [
      { label: 'No', emoji: '👎', command: `vote ${ballot} no` },
      { label: 'Yes', emoji: '👍', command: `vote ${ballot} yes` },
    ],
  });
}

async function vote(context: Asking): Promise<string> {
  const { sql, args, sender } = context;
  const [ballot, choice] = [String(args['ballot']), String(args['choice'])];
  await sql('insert into probe_presses (ballot, account, choice) values ($1, $2, $3)', [
    ballot,
    sender.accountId,
    choice,
  ]);
  await showBallot(context, ballot);
  return `counted ${sender.accountId}`;
}

/** Answers with a number that would change if it ran again. */
async function note(context: Asking): Promise<string | void> {
  const { sql, args } = context;
  const [before] = await sql<{ nth: number }>('select nth from probe_notes where word = $1', [args['word']]);
  if (before) return context.wrong(`noted before as ${before.nth}`);
  const [row] = await sql<{ nth: number }>('insert into probe_notes (word) values ($1) returning nth', [args['word']]);
  return `noted as ${row?.nth ?? 0}`;
}

async function start({ context, request }: WebhookCall<ProbeOptions>): Promise<void> {
  const { key, room, waits } = request.body as Job;
  const { id } = await context.task('job', { key, room, waits }, { key });
  await context.sql('insert into probe_jobs (key, task) values ($1, $2)', [key, id]);
}

async function stop({ context, request }: WebhookCall<ProbeOptions>): Promise<void> {
  await context.cancelTask((request.body as Job).key);
}

const webhook = (handle: (call: WebhookCall<ProbeOptions>) => Promise<void>) => ({
  sources: () => ['soak'],
  verify: ({ token }: ProbeOptions) => ({ bearer: [token] }),
  id: ({ body }: { readonly body: unknown }) => (body as { readonly delivery: string }).delivery,
  async run(calls: readonly WebhookCall<ProbeOptions>[]) {
    for (const call of calls) await handle(call);
  },
});

export default defineSkill<ProbeOptions>({
  name: 'probe',
  options,
  commands: {
    'echo {word}': { help: 'repeats the word', late: 'run', run: ({ args }) => `echo ${String(args['word'])}` },
    'later {word}': {
      help: 'repeats it later',
      late: 'run',
      run: (context) =>
        context.at(
          `later:${String(context.args['word'])}`,
          new Date(context.now.getTime() + 700),
          'later',
          saidOf(context),
        ),
    },
    'work {word}': {
      help: 'repeats it when its task is done',
      late: 'run',
      run: async (context) => void (await context.task('work', saidOf(context))),
    },
    'boom {word}': {
      help: 'fails',
      late: 'run',
      run: () => {
        throw new Error('on purpose');
      },
    },
    'ballot {ballot}': {
      help: 'shows a ballot',
      late: 'run',
      run: (context) => showBallot(context, String(context.args['ballot'])),
    },
    'vote {ballot} {choice}': { help: 'votes', late: 'run', visibility: 'asker', run: vote },
    'note {word}': { help: 'stores a word', late: 'run', run: note },
  },
  webhooks: { jobs: webhook(start), stops: webhook(stop) },
  timers: {
    later: defineTimer<ProbeOptions, z.output<typeof said>>({
      payload: said,
      run: (context, { payload }) => context.say(payload.room, `echo ${payload.word}`),
    }),
  },
  tasks: {
    job,
    work: {
      payload: said,
      result: z.string(),
      idempotent: true,
      run: async ({ payload }: { readonly payload: z.output<typeof said> }) => payload.word,
      done: (context: Context<ProbeOptions>, outcome) =>
        context.say(outcome.payload.room, `echo ${outcome.ok ? String(outcome.result) : 'failed'}`),
    },
  },
});
