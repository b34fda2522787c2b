import type { Channel } from '../channel.ts';
import type { JsonMap } from '../json.ts';
import { join, setTopic, emitCreated } from '../membership.ts';
import { escape } from '../mrkdwn.ts';
import { Refusal } from '../refusal.ts';
import { isMember, ownChannel, requireChannelScope, requireScope, visibleChannel } from './call.ts';
import type { Call, Method } from './call.ts';

const MAX_DIRECT = 8;

export const membership: Readonly<Record<string, Method>> = {
  'conversations.join': (call) => {
    const { workspace } = call;
    const channel = visibleChannel(call);
    if (channel.kind !== 'channel') throw new Refusal('method_not_supported_for_channel_type');
    requireScope(call, 'channels:join');
    if (channel.isArchived) throw new Refusal('is_archived');
    const isIn = isMember(call, channel);
    join(workspace, channel, workspace.app.userId);
    const warning: JsonMap = isIn
      ? { warning: 'already_in_channel', response_metadata: { warnings: ['already_in_channel'] } }
      : {};
    return { channel: channel.describe(workspace.app.userId), ...warning };
  },

  'conversations.open': (call): JsonMap => {
    const { workspace, args } = call;
    const me = workspace.app.userId;
    if (args.has('channel')) return { no_op: true, already_open: true, channel: { id: ownChannel(call).id } };
    const users = [...new Set(args.names('users'))].filter((user) => user !== me);
    if (users.length === 0) throw new Refusal('users_list_not_supplied');
    if (users.length > MAX_DIRECT) throw new Refusal('too_many_users');
    requireScope(call, users.length === 1 ? 'im:write' : 'mpim:write');
    for (const id of users) {
      const user = workspace.users.get(id);
      if (!user) throw new Refusal('user_not_found');
      if (user.isDeleted) throw new Refusal('user_disabled');
      if (user.botId !== undefined) throw new Refusal('cannot_dm_bot');
    }
    const { channel, isNew } = workspace.direct([me, ...users]);
    const opened: JsonMap = isNew ? {} : { no_op: true, already_open: true };
    const shown = args.flag('return_im') || channel.kind === 'mpim' ? channel.describe(me) : { id: channel.id };
    return { ...opened, channel: shown };
  },

  'conversations.create': (call) => {
    const { workspace, args } = call;
    const name = args.text('name');
    const isPrivate = args.flag('is_private');
    requireScope(call, isPrivate ? 'groups:write' : 'channels:manage');
    if (name === '') throw new Refusal('invalid_name_required');
    if (name.length > 80) throw new Refusal('invalid_name_maxlength');
    if (!/^[\p{Ll}\p{Lo}\p{N}_-]+$/u.test(name)) throw new Refusal('invalid_name_specials');
    if (workspace.channelNamed(name)) throw new Refusal('name_taken');
    const me = workspace.app.userId;
    const channel = workspace.addChannel(isPrivate ? 'group' : 'channel', name, me, [me]);
    emitCreated(workspace, channel);
    return { channel: channel.describe(me) };
  },

  'conversations.invite': (call) => {
    const { workspace, args } = call;
    const channel = manageable(call);
    const users = args.names('users');
    if (users.length === 0) throw new Refusal('no_user');
    for (const id of users) {
      if (id === workspace.app.userId) throw new Refusal('cant_invite_self');
      if (!workspace.users.has(id)) throw new Refusal('user_not_found');
      if (channel.members.has(id)) throw new Refusal('already_in_channel');
    }
    for (const id of users) join(workspace, channel, id, workspace.app.userId);
    return { channel: channel.describe(workspace.app.userId) };
  },

  'conversations.setTopic': (call) => {
    const { workspace, args } = call;
    const channel = manageable(call);
    const topic = args.text('topic');
    if (topic.length > 250) throw new Refusal('too_long');
    setTopic(workspace, channel, workspace.app.userId, escape(topic));
    return { channel: channel.describe(workspace.app.userId) };
  },
};

function manageable(call: Call): Channel {
  const channel = ownChannel(call);
  if (channel.kind === 'channel') requireScope(call, 'channels:manage');
  else requireChannelScope(call, channel, 'write');
  if (channel.isArchived) throw new Refusal('is_archived');
  return channel;
}
