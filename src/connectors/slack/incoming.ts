import { z } from 'zod';
import { cut } from '../../chat/cut.ts';
import type { IncomingEvent, RequestKey, Sender } from '../connector.ts';
import { keyOf } from './content.ts';
import { emojiOfName } from './emoji.ts';
import { isDirect, messageId, timeOf } from './ids.ts';
import { plainText } from './text.ts';

/** What is needed to parse an event. */
export interface Reading {
  readonly me: { readonly userId: string; readonly botId: string };
  /** @throws when Slack cannot be reached. */
  person(id: string): Promise<Sender>;
}

/** What an event from Slack means. */
export type ParsedEvent =
  | { readonly type: 'event'; readonly event: IncomingEvent }
  /** The bot's own message. */
  | { readonly type: 'echo'; readonly key: RequestKey; readonly remoteId: string }
  | { readonly type: 'membership'; readonly room: string; readonly state: 'joined' | 'left'; readonly detail?: string }
  | { readonly type: 'new channel'; readonly room: string }
  | { readonly type: 'person changed'; readonly id: string }
  | { readonly type: 'locked out'; readonly why: string }
  | { readonly type: 'nothing' };

const NOTHING: ParsedEvent = { type: 'nothing' };

/** A message as in the history. */
export const historyMessage = z.looseObject({
  subtype: z.string().optional(),
  user: z.string().optional(),
  bot_id: z.string().optional(),
  username: z.string().optional(),
  bot_profile: z.looseObject({ name: z.string().optional() }).optional(),
  text: z.string().default(''),
  ts: z.string(),
  thread_ts: z.string().optional(),
  edited: z.looseObject({ ts: z.string() }).optional(),
  metadata: z.unknown().optional(),
});
const message = historyMessage.extend({
  type: z.enum(['message', 'app_mention']),
  channel: z.string(),
  message: z.unknown().optional(),
  previous_message: z.unknown().optional(),
});
const reaction = z.looseObject({
  type: z.enum(['reaction_added', 'reaction_removed']),
  user: z.string(),
  reaction: z.string(),
  item: z.looseObject({ type: z.string(), channel: z.string().optional(), ts: z.string().optional() }),
  event_ts: z.string(),
});
const joined = z.looseObject({ type: z.literal('member_joined_channel'), user: z.string(), channel: z.string() });
const gone = z.looseObject({
  type: z.enum(['channel_left', 'group_left', 'channel_archive', 'group_archive', 'channel_deleted', 'group_deleted']),
  channel: z.string(),
});
const created = z.looseObject({ type: z.literal('channel_created'), channel: z.looseObject({ id: z.string() }) });
const changed = z.looseObject({ type: z.literal('user_change'), user: z.looseObject({ id: z.string() }) });
const revoked = z.looseObject({
  type: z.literal('tokens_revoked'),
  tokens: z.looseObject({ bot: z.array(z.string()).default([]) }),
});
const uninstalled = z.looseObject({ type: z.literal('app_uninstalled') });

const known = z.union([message, reaction, joined, gone, created, changed, revoked, uninstalled]);

/** Written by people or bots; any other subtype is a notice about the channel. */
const WRITTEN = new Set([undefined, 'file_share', 'thread_broadcast', 'me_message', 'bot_message']);

export type HistoryMessage = z.infer<typeof historyMessage>;

/** Parses the `event` of an `event_callback`; unknown ones become `nothing`. @throws what `person` throws. */
export async function readEvent(given: unknown, reading: Reading): Promise<ParsedEvent> {
  const parsed = known.safeParse(given);
  if (!parsed.success) return NOTHING;
  const { data: event } = parsed;
  switch (event.type) {
    case 'message':
    case 'app_mention':
      return event.subtype === 'message_changed'
        ? readEdit(event, reading)
        : readMessage(event, event.channel, reading);
    case 'reaction_added':
    case 'reaction_removed':
      return readReaction(event, reading);
    case 'member_joined_channel':
      return event.user === reading.me.userId ? { type: 'membership', room: event.channel, state: 'joined' } : NOTHING;
    case 'channel_created':
      return { type: 'new channel', room: event.channel.id };
    case 'user_change':
      return { type: 'person changed', id: event.user.id };
    case 'tokens_revoked':
      return event.tokens.bot.includes(reading.me.userId) ? { type: 'locked out', why: event.type } : NOTHING;
    case 'app_uninstalled':
      return { type: 'locked out', why: event.type };
    default:
      return { type: 'membership', room: event.channel, state: 'left', ...detailOf(event.type) };
  }
}

function detailOf(type: string): { detail?: string } {
  if (type.endsWith('_archive')) return { detail: 'it was archived' };
  return type.endsWith('_deleted') ? { detail: 'it was deleted' } : {};
}

/** Parses a message from an event or from the history, with the same result. @throws what `person` throws. */
export async function readMessage(given: HistoryMessage, room: string, reading: Reading): Promise<ParsedEvent> {
  const { subtype, ts, thread_ts: thread, metadata } = given;
  const { me } = reading;
  if (isOwn(given, me)) {
    const key = keyOf(metadata);
    return key ? { type: 'echo', key, remoteId: messageId(room, ts) } : NOTHING;
  }
  if (!WRITTEN.has(subtype)) return NOTHING;
  const sender = await senderOf(given, reading);
  if (!sender) return NOTHING;
  const inThread = thread !== undefined && thread !== ts;
  return {
    type: 'event',
    event: {
      ...{ type: 'message', id: messageId(room, ts), room, direct: isDirect(room), sender, at: timeOf(ts) },
      ...(await wordsOf(given.text, reading)),
      ...(inThread && { thread: messageId(room, thread) }),
    },
  };
}

/** An edit of the text. Slack also reports link previews and new replies as changes. */
async function readEdit(
  { channel: room, message: now, previous_message: before }: z.infer<typeof message>,
  reading: Reading,
): Promise<ParsedEvent> {
  const after = historyMessage.safeParse(now).data;
  if (!after?.edited || isOwn(after, reading.me) || historyMessage.safeParse(before).data?.text === after.text)
    return NOTHING;
  const sender = await senderOf(after, reading);
  if (!sender || !WRITTEN.has(after.subtype)) return NOTHING;
  const edits = messageId(room, after.ts);
  const { ts } = after.edited;
  return {
    type: 'event',
    event: {
      ...{ type: 'message', id: `${edits}:edit:${ts}`, room, direct: isDirect(room), sender, at: timeOf(ts), edits },
      ...(await wordsOf(after.text, reading)),
    },
  };
}

async function readReaction(given: z.infer<typeof reaction>, reading: Reading): Promise<ParsedEvent> {
  const { type, user, reaction: name, item, event_ts: ts } = given;
  if (user === reading.me.userId || item.type !== 'message' || !item.channel || !item.ts) return NOTHING;
  const target = messageId(item.channel, item.ts);
  return {
    type: 'event',
    event: {
      ...{
        type: 'reaction',
        id: `${target}:${user}:${name}:${ts}`,
        room: item.channel,
        direct: isDirect(item.channel),
      },
      ...{ sender: await reading.person(user), at: timeOf(ts), target, emoji: emojiOfName(name) },
      taken: type === 'reaction_removed',
    },
  };
}

function isOwn({ user, bot_id: bot }: HistoryMessage, { userId, botId }: Reading['me']): boolean {
  return user === userId || (bot !== undefined && bot === botId);
}

/** An app that posts as itself has a name, but may have no user account. */
async function senderOf(
  { user, bot_id: bot, username, bot_profile: profile }: HistoryMessage,
  reading: Reading,
): Promise<Sender | undefined> {
  if (bot !== undefined)
    return { accountId: user ?? bot, name: cut(username ?? profile?.name ?? bot, 255), bot: true, guest: false };
  return user === undefined ? undefined : reading.person(user);
}

async function wordsOf(text: string, { me, person }: Reading): Promise<{ text: string; mentionsBot: boolean }> {
  return plainText(text, me.userId, { user: async (id) => (await person(id)).name });
}
