import { z } from 'zod';
import { keyText, type RequestKey } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { keyOf } from './content.ts';
import { messageId, tsAt, tsOf } from './ids.ts';
import { KEY_WINDOW_MS } from './platform.ts';

const PAGE = 200;
/** The search stops after this many pages, in case the room is flooded. */
const MAX_PAGES = 25;
/** Slack's clock and ours may differ. */
const MARGIN_MS = 60_000;

const page = z.looseObject({
  messages: z.array(z.looseObject({ ts: z.string(), metadata: z.unknown().optional() })),
  response_metadata: z.looseObject({ next_cursor: z.string().default('') }).optional(),
});

export interface MessageToFind {
  readonly room: string;
  readonly thread: string | undefined;
  readonly key: RequestKey;
}

/**
 * Slack has no idempotency keys: before a send is retried, the messages of `KEY_WINDOW_MS` are searched for its key.
 * Resolves to the id of the message; undefined: not found.
 */
export async function findMessage(
  api: SlackApi,
  message: MessageToFind,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { room, thread } = message;
  const wantedKey = keyText(message.key);
  const method = thread === undefined ? 'conversations.history' : 'conversations.replies';
  const given = {
    ...{ channel: room, limit: PAGE, include_all_metadata: true },
    oldest: tsAt(Date.now() - KEY_WINDOW_MS - MARGIN_MS),
    ...(thread !== undefined && { ts: tsOf(thread) }),
  };
  let cursor: string | undefined;
  for (let count = 0; count < MAX_PAGES && cursor !== ''; count++) {
    const { messages, response_metadata: more } = await api.call(method, { ...given, cursor }, page, signal);
    const found = messages.find(({ metadata }) => {
      const key = keyOf(metadata);
      return key !== undefined && keyText(key) === wantedKey;
    });
    if (found) return messageId(room, found.ts);
    cursor = more?.next_cursor ?? '';
  }
  return undefined;
}
