import { z } from 'zod';
import { keyText, RateLimited, type Operation } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { bodyOf, metadataOf, shownBy } from './content.ts';
import { isRefusal } from './failures.ts';
import { messageId, tsOf } from './ids.ts';

type Send = Extract<Operation, { type: 'send' }>;

const ephemeral = z.looseObject({ message_ts: z.string() });
const posted = z.looseObject({ channel: z.string(), ts: z.string() });
const opened = z.looseObject({ channel: z.looseObject({ id: z.string() }) });

/**
 * Shows something to one account only: as the response to its interaction, else as an ephemeral message, else as a direct message.
 * Each is tried only if the previous one certainly failed. Slack keeps no record of the first two, so they cannot be looked up.
 */
export async function sendToOne(api: SlackApi, operation: Send, signal: AbortSignal): Promise<string> {
  const { room, thread, key, to, part } = operation;
  if (!to) throw new Error('the message has no recipient');
  const shown = shownBy(bodyOf(part));
  const inThread = thread === undefined ? {} : { thread_ts: tsOf(thread) };
  const { respond, accountId: user } = to;
  if (respond && respond.until.getTime() > Date.now()) {
    const answered = await answer(api, respond.token, { ...shown, ...inThread }, signal);
    if (answered) return messageId(room, `ephemeral.${keyText(key)}`);
  }
  try {
    const { message_ts: ts } = await api.call(
      'chat.postEphemeral',
      { channel: room, user, ...shown, ...inThread },
      ephemeral,
      signal,
    );
    return messageId(room, ts);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const { channel } = await api.call('conversations.open', { users: user }, opened, signal);
  const { ts } = await api.call(
    'chat.postMessage',
    { channel: channel.id, ...shown, metadata: metadataOf(key), unfurl_links: false, unfurl_media: false },
    posted,
    signal,
  );
  return messageId(channel.id, ts);
}

/** False: the URL has been used five times, or has expired. */
async function answer(api: SlackApi, url: string, shown: object, signal: AbortSignal): Promise<boolean> {
  const body = JSON.stringify({ response_type: 'ephemeral', replace_original: false, ...shown });
  const response = await api.post(url, body, 'application/json', signal);
  const words = await response.text();
  if (response.status === 429)
    throw new RateLimited('response_url', 1000 * (Number(response.headers.get('retry-after')) || 1));
  if (response.status >= 500) throw new Error(`Slack answered a response_url with ${response.status}`);
  return response.ok && !/"ok"\s*:\s*false/.test(words);
}
