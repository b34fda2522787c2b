import { acceptBlocks } from '../blocks.ts';
import type { Channel } from '../channel.ts';
import { list, map } from '../json.ts';
import type { Json, JsonMap } from '../json.ts';
import { createMessage } from '../message.ts';
import type { Message } from '../message.ts';
import { sent } from '../mrkdwn.ts';
import { Refusal } from '../refusal.ts';
import { isMember, ownChannel, requireScope } from './call.ts';
import type { Call, Method } from './call.ts';

const MAX_TEXT = 40_000;
const MAX_UPDATED_TEXT = 4000;
const MAX_METADATA_BYTES = 8000;

export const chat: Readonly<Record<string, Method>> = {
  'chat.postMessage': (call) => {
    const { workspace, args } = call;
    const channel = target(call);
    const given = content(call);
    const threadTs = thread(call, channel);
    call.limit(`post ${channel.id}`, 60, 3);
    const message = workspace.post(channel, {
      ...author(call),
      ...given,
      threadTs,
      isBroadcast: threadTs !== undefined && args.flag('reply_broadcast'),
    });
    return { channel: channel.id, ts: message.ts, message: workspace.inApi(channel, message, true) };
  },

  'chat.update': (call) => {
    const { workspace, args, options } = call;
    const channel = ownChannel(call);
    if (channel.isArchived) throw new Refusal('is_inactive');
    const message = ownMessage(call, channel, 'cant_update_message');
    if (options.editWindowMs !== undefined && workspace.now() - message.at > options.editWindowMs)
      throw new Refusal('edit_window_closed');
    if (args.text('text').length > MAX_UPDATED_TEXT) throw new Refusal('msg_too_long');
    const given = content(call, message);
    workspace.change(channel, message, () => {
      Object.assign(message, given);
      message.edits += 1;
      message.edited = { user: message.user, ts: workspace.newTs() };
    });
    const shown = workspace.inApi(channel, message, true);
    return { channel: channel.id, ts: message.ts, text: message.text, message: shown };
  },

  'chat.delete': (call) => {
    const channel = ownChannel(call);
    if (channel.isArchived) throw new Refusal('is_inactive');
    const message = ownMessage(call, channel, 'cant_delete_message');
    call.workspace.remove(channel, message);
    return { channel: channel.id, ts: message.ts };
  },

  'chat.postEphemeral': (call) => {
    const { workspace, args } = call;
    const channel = ownChannel(call);
    const user = args.required('user');
    if (!workspace.users.has(user)) throw new Refusal('user_not_found');
    if (!channel.members.has(user)) throw new Refusal('user_not_in_channel');
    if (channel.isArchived) throw new Refusal('is_archived');
    const { metadata: _metadata, ...given } = content(call);
    const ts = workspace.newTs();
    const message = createMessage(ts, workspace.now(), {
      ...author(call),
      ...given,
      threadTs: args.ts('thread_ts') || undefined,
    });
    channel.ephemeral.push({ user, message });
    return { message_ts: ts };
  },

  'chat.getPermalink': (call) => {
    const channel = ownChannel(call);
    const ts = call.args.required('message_ts');
    if (!channel.find(ts)) throw new Refusal('message_not_found');
    const permalink = `https://${call.workspace.domain}.slack.com/archives/${channel.id}/p${ts.replace('.', '')}`;
    return { channel: channel.id, permalink };
  },
};

/** The target of a post: an id, `#name`, or a person, for whom a conversation is opened. */
function target(call: Call): Channel {
  const { workspace, args } = call;
  const wanted = args.required('channel');
  const user = workspace.users.get(wanted);
  if (user) {
    if (user.botId !== undefined) throw new Refusal('channel_not_found');
    requireScope(call, 'im:write');
    return workspace.direct([workspace.app.userId, user.id]).channel;
  }
  const channel = workspace.channels.get(wanted) ?? workspace.channelNamed(wanted);
  const isSeen = channel !== undefined && (channel.kind === 'channel' || isMember(call, channel));
  if (!isSeen) throw new Refusal('channel_not_found');
  if (channel.isArchived) throw new Refusal('is_archived');
  if (!isMember(call, channel) && !call.scopes.has('chat:write.public')) throw new Refusal('not_in_channel');
  return channel;
}

export function author({ workspace }: Pick<Call, 'workspace'>): Pick<Message, 'user' | 'botId' | 'appId'> {
  const { userId, botId, appId } = workspace.app;
  return { user: userId, botId, appId };
}

function thread({ args }: Call, channel: Channel): string | undefined {
  const ts = args.ts('thread_ts');
  if (ts === '') return undefined;
  const parent = channel.find(ts);
  if (!parent) throw new Refusal('thread_not_found');
  if (parent.threadTs !== undefined && parent.threadTs !== ts) throw new Refusal('cannot_reply_to_message');
  return ts;
}

function ownMessage({ workspace, args }: Call, channel: Channel, refused: string): Message {
  const message = channel.find(args.required('ts'));
  if (!message || message.subtype === 'tombstone') throw new Refusal('message_not_found');
  if (message.botId !== workspace.app.botId) throw new Refusal(refused);
  return message;
}

type Content = Pick<Message, 'text' | 'blocks' | 'attachments' | 'metadata'>;

/** The content of a message. In an update, missing fields keep their values. @throws {Refusal} */
function content({ workspace, args }: Call, before?: Message): Content {
  const blocks = args.json('blocks', 'invalid_blocks_format');
  const attachments = args.json('attachments', 'invalid_attachments');
  if (list(attachments).length > 100) throw new Refusal('too_many_attachments');
  const hasContent = list(blocks).length > 0 || list(attachments).length > 0;
  if (args.text('text') === '' && !hasContent) throw new Refusal('no_text');
  return {
    text: args.has('text') || !before ? sent(args.text('text').slice(0, MAX_TEXT)) : before.text,
    blocks: blocks === undefined ? before?.blocks : acceptBlocks(blocks, () => workspace.newId('b').slice(-5)),
    attachments: attachments === undefined ? before?.attachments : numbered(attachments),
    metadata: args.has('metadata') ? metadata(args.json('metadata', 'invalid_metadata_format')) : before?.metadata,
  };
}

function numbered(attachments: Json): Json[] {
  return list(attachments).map((attachment, index) => ({ ...map(attachment), id: index + 1 }));
}

/** If its type has other characters, Slack drops the metadata silently (bolt-python issue 863). */
function metadata(value: Json | undefined): JsonMap | undefined {
  const given = map(value);
  if (Object.keys(given).length === 0) return undefined;
  const { event_type: name, event_payload: payload } = given;
  const isMap = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  if (typeof name !== 'string' || !isMap) throw new Refusal('invalid_metadata_format');
  if (Object.values(payload).some((one) => typeof one === 'object' && one !== null && !Array.isArray(one)))
    throw new Refusal('invalid_metadata_schema');
  if (Buffer.byteLength(JSON.stringify(given)) > MAX_METADATA_BYTES) throw new Refusal('metadata_too_large');
  return /^[\w-]{1,255}$/.test(name) ? { event_type: name, event_payload: payload } : undefined;
}
