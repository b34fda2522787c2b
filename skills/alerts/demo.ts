import { cut, defineTask, z, type CommandContext, type CommandArgs, type Handled, type TimerFired } from '#skill';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';
import type { AlertContext } from './show.ts';

/** How long a sample fires before it resolves by itself. */
const SAMPLE_MS = 10 * 60_000;

const payload = z.object({
  source: z.string(),
  pod: z.string(),
  status: z.enum(['firing', 'resolved']),
  startsAt: z.iso.datetime(),
  room: z.object({ connector: z.string(), room: z.string() }),
});
type Sample = z.output<typeof payload>;

/** `demo alert`: a sample through the real intake, so that what is seen is what an alert will be. */
export async function runDemo(context: CommandContext<AlertOptions, CommandArgs>): Promise<Handled> {
  const [source] = Object.keys(context.options.sources);
  if (source === undefined)
    return context.wrong('There is no source yet: add one under skills.alerts.sources, with its token.');
  const { connector, room } = context.room;
  const pod = `demo-${context.eventId.replaceAll(/[^A-Za-z0-9]/g, '').slice(-8)}`;
  await context.task('sample', {
    source,
    pod,
    status: 'firing',
    startsAt: context.now.toISOString(),
    room: { connector, room },
  } satisfies Sample);
  return 'A sample alert is on its way, through the same door as real ones. Tap 👀 under it or say `ack` and its number; in 10 min it resolves by itself.';
}

export const sampleTask = defineTask<AlertOptions, Sample, null>({
  payload,
  result: z.null(),
  // Its labels are fixed by the payload: posted twice it is a repeat of the same alert.
  idempotent: true,
  timeoutMs: 10_000,
  run: async ({ payload: sample, options, ownUrl, signal, secret }) => {
    const reference = options.sources[sample.source]?.tokens[0];
    if (!reference) throw new Error(`there is no source "${sample.source}" any more`);
    const body = samplePayload({
      status: sample.status,
      startsAt: new Date(sample.startsAt),
      labels: { pod: sample.pod },
    });
    const response = await fetch(`${ownUrl}/webhooks/alertmanager/${encodeURIComponent(sample.source)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await secret(reference)}` },
      body: JSON.stringify(body),
      signal,
    });
    if (!response.ok) throw new Error(`the intake answered ${response.status}: ${cut(await response.text(), 200)}`);
    return null;
  },
  done: async (context, outcome) => {
    const { payload: sample } = outcome;
    if (!outcome.ok)
      await context.say(sample.room, {
        text: 'The sample alert could not be posted; `watchbell doctor` may say why.',
        code: outcome.reason,
      });
    else if (sample.status === 'firing')
      await context.at(`demo:${sample.pod}`, new Date(context.now.getTime() + SAMPLE_MS), 'sampleEnds', {
        ...sample,
        status: 'resolved',
      });
  },
});

/** The end of a sample takes the same door. */
export const sampleEnds = {
  payload,
  run: async (context: AlertContext, fired: TimerFired<Sample>): Promise<void> => {
    await context.task('sample', fired.payload);
  },
};
