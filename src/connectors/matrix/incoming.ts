import { cut } from '../../chat/cut.ts';
import { clean } from '../../chat/markdown.ts';
import type { IncomingEvent, JsonObject, Sender } from '../connector.ts';
import { isGuest } from './conversations.ts';
import { dig, text } from './json.ts';
import { readMention, stripReplyFallback } from './mention.ts';
import type { Myself } from './mention.ts';
import type { Reactions } from './reactions.ts';

export interface Surroundings {
  readonly room: string;
  readonly direct: boolean;
  readonly myself: Myself;
  readonly reactions: Reactions;
  readonly nameOf: (user: string) => string | undefined;
}

/** Converts a Matrix event; undefined if it is irrelevant to a bot. Remembers reactions in `around.reactions`. */
export function toIncoming(event: JsonObject, around: Surroundings): IncomingEvent | undefined {
  const id = eventId(event['event_id']);
  const user = text(event['sender']);
  if (
    id === undefined ||
    user === undefined ||
    user === around.myself.userId ||
    dig(event, 'unsigned', 'redacted_because') !== undefined
  )
    return undefined;
  const sender: Sender = {
    accountId: user,
    name: cut(clean(around.nameOf(user) ?? user).replaceAll('\n', ' '), 255),
    bot: dig(event, 'content', 'msgtype') === 'm.notice',
    guest: isGuest(user),
  };
  const stamp = event['origin_server_ts'];
  const base = {
    id,
    room: around.room,
    direct: around.direct,
    sender,
    at: new Date(typeof stamp === 'number' ? stamp : 0),
  };
  switch (event['type']) {
    case 'm.room.message':
      return message(event, base, around.myself);
    case 'm.reaction': {
      const target = eventId(dig(event, 'content', 'm.relates_to', 'event_id'));
      const emoji = cut(clean(text(dig(event, 'content', 'm.relates_to', 'key')) ?? ''), 100);
      if (target === undefined || emoji === '') return undefined;
      around.reactions.add(id, { target, emoji, sender: user });
      return { ...base, type: 'reaction', target, emoji, taken: false };
    }
    case 'm.room.redaction': {
      const reaction = around.reactions.get(redactedBy(event) ?? '');
      // A moderator who removes somebody else's reaction does not act for them.
      return reaction?.sender === user
        ? { ...base, type: 'reaction', target: reaction.target, emoji: reaction.emoji, taken: true }
        : undefined;
    }
    default:
      return undefined;
  }
}

const SPOKEN = new Set(['m.text', 'm.notice', 'm.emote']);

type Base = Pick<IncomingEvent, 'id' | 'room' | 'direct' | 'sender' | 'at'>;

function message(event: JsonObject, base: Base, myself: Myself): IncomingEvent | undefined {
  const relates = dig(event, 'content', 'm.relates_to');
  const kind = dig(relates, 'rel_type');
  const edits = kind === 'm.replace' ? eventId(dig(relates, 'event_id')) : undefined;
  const content = edits === undefined ? event['content'] : dig(event, 'content', 'm.new_content');
  const body = text(dig(content, 'body'));
  if (body === undefined || !SPOKEN.has(text(dig(content, 'msgtype')) ?? '')) return undefined;
  const formatted = text(dig(content, 'formatted_body'));
  const ids = dig(content, 'm.mentions', 'user_ids');
  const userIds = Array.isArray(ids) ? ids.filter((one) => typeof one === 'string') : [];
  const thread = kind === 'm.thread' ? eventId(dig(relates, 'event_id')) : undefined;
  const answered = eventId(dig(relates, 'm.in_reply_to', 'event_id'));
  // In a thread, a fallback reply for clients without threads is not a reply.
  const replyTo = thread !== undefined && dig(relates, 'is_falling_back') === true ? undefined : answered;
  const said = clean(answered === undefined ? body : stripReplyFallback(body, formatted));
  const mention = readMention(said, formatted, userIds, myself);
  return {
    ...base,
    type: 'message',
    text: mention.text,
    mentionsBot: mention.mentioned,
    ...(mention.names.length > 0 && { names: mention.names }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(thread === undefined ? {} : { thread }),
    ...(edits === undefined ? {} : { edits }),
  };
}

/** Ids inside a content are untrusted; only valid ones are returned. */
export function eventId(value: unknown): string | undefined {
  return typeof value === 'string' && /^\$[\x21-\x7e]{1,254}$/.test(value) ? value : undefined;
}

/** The id that a redaction removes; in the content since room version 11. */
export function redactedBy(event: JsonObject): string | undefined {
  return eventId(dig(event, 'content', 'redacts')) ?? eventId(event['redacts']);
}

/** The message id that `perform` returned for the bot's own event: the target of an edit, reaction or redaction, otherwise its own id. */
export function targetOf(event: JsonObject): string | undefined {
  if (event['type'] === 'm.room.redaction') return redactedBy(event);
  const kind = dig(event, 'content', 'm.relates_to', 'rel_type');
  const target =
    kind === 'm.replace' || kind === 'm.annotation'
      ? eventId(dig(event, 'content', 'm.relates_to', 'event_id'))
      : undefined;
  return target ?? eventId(event['event_id']);
}
