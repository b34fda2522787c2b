import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { IncomingEvent } from '../connector.ts';
import { pressOf } from './actions.ts';
import { isDirect, messageId } from './ids.ts';
import type { Reading } from './incoming.ts';

/** Slack's 30 minutes for a `response_url`, with a margin for the request. */
const RESPOND_MS = 29 * 60_000;

const press = z.looseObject({
  type: z.literal('block_actions'),
  user: z.looseObject({ id: z.string() }),
  trigger_id: z.string(),
  container: z.looseObject({ channel_id: z.string().optional(), thread_ts: z.string().optional() }).optional(),
  channel: z.looseObject({ id: z.string() }).optional(),
  message: z.looseObject({ ts: z.string(), thread_ts: z.string().optional() }).optional(),
  response_url: z.string().optional(),
  actions: z.array(
    z.looseObject({
      action_ts: z.string(),
      value: z.string().optional(),
      selected_option: z.looseObject({ value: z.string() }).nullish(),
    }),
  ),
});
const command = z.looseObject({
  command: z.string(),
  text: z.string().default(''),
  user_id: z.string(),
  channel_id: z.string(),
  trigger_id: z.string(),
  response_url: z.string().optional(),
});

/** Parses a button press or a choice; undefined: not one of this bot's. @throws what `person` throws. */
export async function readPress(given: unknown, reading: Reading, now: Date): Promise<IncomingEvent | undefined> {
  const { data } = press.safeParse(given);
  const [action] = data?.actions ?? [];
  const pressed = pressOf(action?.selected_option?.value ?? action?.value ?? '');
  const room = data?.channel?.id ?? data?.container?.channel_id;
  if (!data || !action || !pressed || room === undefined) return undefined;
  const thread = data.message?.thread_ts ?? data.container?.thread_ts;
  return {
    ...{ type: 'interaction', id: idOf(data.trigger_id), room, direct: isDirect(room) },
    ...{ sender: await reading.person(data.user.id), at: now, press: pressed },
    ...(thread !== undefined && thread !== data.message?.ts && { thread: messageId(room, thread) }),
    ...respondBy(data.response_url, now),
  };
}

/** Parses a slash command; undefined: it is a different command. @throws what `person` throws. */
export async function readCommand(
  given: unknown,
  slashCommand: string | undefined,
  reading: Reading,
  now: Date,
): Promise<IncomingEvent | undefined> {
  const { data } = command.safeParse(given);
  if (!data || data.command !== slashCommand) return undefined;
  const room = data.channel_id;
  return {
    ...{ type: 'interaction', id: idOf(data.trigger_id), room, direct: isDirect(room) },
    ...{ sender: await reading.person(data.user_id), at: now, words: data.text.trim() },
    ...respondBy(data.response_url, now),
  };
}

/** Hashed, because for three seconds a trigger id lets its holder open dialogs for that user. */
const idOf = (trigger: string): string =>
  `interaction:${createHash('sha256').update(trigger).digest('base64url').slice(0, 22)}`;

function respondBy(token: string | undefined, now: Date): { respond?: { token: string; until: Date } } {
  return token ? { respond: { token, until: new Date(now.getTime() + RESPOND_MS) } } : {};
}
