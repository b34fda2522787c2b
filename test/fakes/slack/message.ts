import type { Json, JsonMap } from './json.ts';

/** One message as Slack stores it. */
export interface Message {
  readonly ts: string;
  readonly at: number;
  user: string;
  /** Of the app that posted it. */
  botId: string | undefined;
  readonly appId: string | undefined;
  readonly clientMsgId: string | undefined;
  /** Of its thread; its own when it is the parent. */
  threadTs: string | undefined;
  /** A reply that also shows in the channel. */
  readonly isBroadcast: boolean;
  subtype: string | undefined;
  text: string;
  blocks: Json[] | undefined;
  attachments: Json[] | undefined;
  metadata: JsonMap | undefined;
  edited: { readonly user: string; readonly ts: string } | undefined;
  edits: number;
  files: JsonMap[];
  readonly reactions: Map<string, string[]>;
  /** Fields of its subtype. */
  readonly extra: JsonMap;
}

export type NewMessage = Partial<Message> & { readonly user: string; readonly text: string };

export function createMessage(ts: string, at: number, given: NewMessage): Message {
  return {
    botId: undefined,
    appId: undefined,
    clientMsgId: undefined,
    threadTs: undefined,
    isBroadcast: false,
    subtype: undefined,
    blocks: undefined,
    attachments: undefined,
    metadata: undefined,
    edited: undefined,
    edits: 0,
    files: [],
    reactions: new Map(),
    extra: {},
    ...given,
    ts,
    at,
  };
}

export interface View {
  readonly team: string;
  readonly botName: string;
  /** Whether metadata includes its payload, or only its type. */
  readonly isPayloadShown: (eventType: string) => boolean;
  /** Of a parent. */
  readonly replies: readonly Message[];
  /** Of a reply: who wrote its parent. */
  readonly parentUser: string | undefined;
}

/** The message as the API and events show it. */
export function visible(message: Message, { team, botName, isPayloadShown, replies, parentUser }: View): JsonMap {
  const { user, botId, appId, ts, blocks, attachments, metadata, edited, files, reactions } = message;
  const seen: JsonMap = {
    ...(message.subtype === undefined ? {} : { subtype: message.subtype }),
    ...(message.clientMsgId === undefined ? {} : { client_msg_id: message.clientMsgId }),
    type: 'message',
    user,
    text: message.text,
    ts,
    team,
    ...message.extra,
  };
  if (botId !== undefined) {
    seen['bot_id'] = botId;
    if (appId !== undefined) seen['app_id'] = appId;
    seen['bot_profile'] = {
      id: botId,
      app_id: appId ?? '',
      name: botName,
      deleted: false,
      updated: 1,
      icons: {},
      team_id: team,
    };
  }
  if (blocks && blocks.length > 0) seen['blocks'] = blocks;
  if (attachments && attachments.length > 0) seen['attachments'] = attachments;
  if (files.length > 0) Object.assign(seen, { files, upload: false });
  if (edited) seen['edited'] = { ...edited };
  if (message.threadTs !== undefined) seen['thread_ts'] = message.threadTs;
  if (parentUser !== undefined) seen['parent_user_id'] = parentUser;
  // An app that posts under its own name is not a user.
  if (message.subtype === 'bot_message') delete seen['user'];
  if (reactions.size > 0)
    seen['reactions'] = [...reactions].map(([name, users]) => ({ name, users: [...users], count: users.length }));
  if (replies.length > 0)
    Object.assign(seen, {
      reply_count: replies.length,
      reply_users: [...new Set(replies.map((reply) => reply.user))],
      latest_reply: replies.at(-1)?.ts ?? null,
      is_locked: false,
      subscribed: false,
    });
  const eventType = metadata?.['event_type'];
  if (metadata && typeof eventType === 'string')
    seen['metadata'] = isPayloadShown(eventType) ? metadata : { event_type: eventType };
  return seen;
}
