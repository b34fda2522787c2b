import { cut, defineTask, z, type CommandContext, type CommandArgs, type Handled, type TimerFired } from '#skill';
import type { AlertContext } from './display.ts';
import type { AlertOptions } from './options.ts';
import { samplePayload } from './sample.ts';

/** How long a sample fires before it resolves. */
const SAMPLE_MS = 10 * 60_000;

const payload = z.object({
  source: z.string(),
  pod: z.string(),
  status: z.enum(['firing', 'resolved']),
  startsAt: z.iso.datetime(),
  room: z.object({ connector: z.string(), room: z.string() }),
});
type Sample = z.output<typeof payload>;

/** `demo alert`: posts a sample to the real webhook, so that it looks exactly like an alert. */
export async function runDemo(context: CommandContext<AlertOptions, CommandArgs>): Promise<Handled> {
  const [source] = Object.keys(context.options.sources);
  if (source === undefined)
    return context.wrong('No source is configured: add one with a token under skills.alerts.sources.');
  const { connector, room } = context.room;
  const pod = `demo-${context.eventId.replaceAll(/[^A-Za-z0-9]/g, '').slice(-8)}`;
  await context.task('sample', {
    source,
    pod,
    status: 'firing',
    startsAt: context.now.toISOString(),
    room: { connector, room },
  } satisfies Sample);
  return 'A sample alert is on its way, through the same webhook as real ones. Tap 👀 under it or say `ack` and its number; it resolves in 10 min.';
}

export const sampleTask = defineTask<AlertOptions, Sample, null>({
  payload,
  result: z.null(),
  // The payload fixes its labels, so a second post is a repeat of the same alert.
  idempotent: true,
  timeoutMs: 10_000,
  run: async ({ payload: sample, options, ownUrl, signal, secret }) => {
    const reference = options.sources[sample.source]?.tokens[0];
    if (!reference) throw new Error(`source "${sample.source}" is no longer configured`);
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
    if (!response.ok) throw new Error(`the webhook answered ${response.status}: ${cut(await response.text(), 200)}`);
    return null;
  },
  done: async (context, outcome) => {
    const { payload: sample } = outcome;
    if (!outcome.ok)
      await context.say(sample.room, {
        text: 'The sample alert could not be posted; `watchbell doctor` may show why.',
        code: outcome.reason,
      });
    else if (sample.status === 'firing')
      await context.at(`demo:${sample.pod}`, new Date(context.now.getTime() + SAMPLE_MS), 'sampleEnds', {
        ...sample,
        status: 'resolved',
      });
  },
});

/** Resolves a sample through the same webhook. */
export const sampleEnds = {
  payload,
  run: async (context: AlertContext, fired: TimerFired<Sample>): Promise<void> => {
    await context.task('sample', fired.payload);
  },
};
