import { z } from 'zod';
import { keyText, type RequestKey } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { keyOf } from './content.ts';
import { messageId, tsAt, tsOf } from './ids.ts';
import { KEY_WINDOW_MS } from './platform.ts';

const PAGE = 200;
/** Beyond so many messages since then nobody looks: the room is a flood. */
const MOST_PAGES = 25;
/** Slack's clock and ours are not the same. */
const MARGIN_MS = 60_000;

const page = z.looseObject({
  messages: z.array(z.looseObject({ ts: z.string(), metadata: z.unknown().optional() })),
  response_metadata: z.looseObject({ next_cursor: z.string().default('') }).optional(),
});

export interface Sought {
  readonly room: string;
  readonly thread: string | undefined;
  readonly key: RequestKey;
}

/**
 * Slack has no idempotency keys: before a send is repeated, its mark is looked for in what was posted since it can have been made
 * first. Resolves to the id of the message; undefined: it is not there.
 */
export async function findMessage(api: SlackApi, sought: Sought, signal: AbortSignal): Promise<string | undefined> {
  const { room, thread } = sought;
  const wanted = keyText(sought.key);
  const method = thread === undefined ? 'conversations.history' : 'conversations.replies';
  const given = {
    ...{ channel: room, limit: PAGE, include_all_metadata: true },
    oldest: tsAt(Date.now() - KEY_WINDOW_MS - MARGIN_MS),
    ...(thread !== undefined && { ts: tsOf(thread) }),
  };
  let cursor: string | undefined;
  for (let count = 0; count < MOST_PAGES && cursor !== ''; count++) {
    const { messages, response_metadata: more } = await api.call(method, { ...given, cursor }, page, signal);
    const found = messages.find(({ metadata }) => {
      const key = keyOf(metadata);
      return key !== undefined && keyText(key) === wanted;
    });
    if (found) return messageId(room, found.ts);
    cursor = more?.next_cursor ?? '';
  }
  return undefined;
}
