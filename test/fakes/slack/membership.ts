import type { Channel } from './channel.ts';
import type { JsonMap } from './json.ts';
import type { Workspace } from './workspace.ts';

/** A user joins a channel: an event, and a message in the channel. */
export function join(workspace: Workspace, channel: Channel, user: string, inviter?: string): void {
  if (channel.members.has(user)) return;
  channel.members.add(user);
  const by: JsonMap = inviter === undefined ? {} : { inviter };
  workspace.onEvent(
    {
      type: 'member_joined_channel',
      user,
      channel: channel.id,
      channel_type: channel.kind === 'channel' ? 'C' : 'G',
      team: workspace.teamId,
      event_ts: workspace.newTs(),
      ...by,
    },
    channel,
  );
  const subtype = channel.kind === 'group' ? 'group_join' : 'channel_join';
  workspace.post(channel, { user, text: `<@${user}> has joined the channel`, subtype, extra: by });
}

/** A user leaves or is removed. For the bot, the event is `channel_left`. */
export function leave(workspace: Workspace, channel: Channel, user: string, by = user): void {
  if (!channel.members.delete(user)) return;
  const isBot = user === workspace.app.userId;
  const event_ts = workspace.newTs();
  const isPrivate = channel.kind === 'group';
  if (isBot)
    workspace.onEvent(
      { type: isPrivate ? 'group_left' : 'channel_left', channel: channel.id, actor_id: by, event_ts },
      undefined,
    );
  else
    workspace.onEvent(
      {
        type: 'member_left_channel',
        user,
        channel: channel.id,
        channel_type: isPrivate ? 'G' : 'C',
        team: workspace.teamId,
        event_ts,
      },
      channel,
    );
}

export function archive(workspace: Workspace, channel: Channel, user: string, isArchived: boolean): void {
  channel.isArchived = isArchived;
  const type = `${channel.kind === 'group' ? 'group' : 'channel'}_${isArchived ? 'archive' : 'unarchive'}`;
  workspace.onEvent({ type, channel: channel.id, user, event_ts: workspace.newTs() }, audienceOf(channel));
}

export function rename(workspace: Workspace, channel: Channel, name: string): void {
  channel.name = name;
  const type = channel.kind === 'group' ? 'group_rename' : 'channel_rename';
  const created = Math.floor(channel.createdAt / 1000);
  workspace.onEvent(
    { type, channel: { id: channel.id, name, created }, event_ts: workspace.newTs() },
    audienceOf(channel),
  );
}

export function emitCreated(workspace: Workspace, channel: Channel): void {
  if (channel.kind !== 'channel') return;
  const { id, name, creator } = channel;
  const created = Math.floor(channel.createdAt / 1000);
  workspace.onEvent(
    { type: 'channel_created', channel: { id, name, created, creator }, event_ts: workspace.newTs() },
    undefined,
  );
}

export function setTopic(workspace: Workspace, channel: Channel, user: string, topic: string): void {
  channel.topic = topic;
  const subtype = channel.kind === 'group' ? 'group_topic' : 'channel_topic';
  workspace.post(channel, { user, text: `<@${user}> set the channel topic: ${topic}`, subtype, extra: { topic } });
}

/** Every app receives events about public channels. */
function audienceOf(channel: Channel): Channel | undefined {
  return channel.kind === 'channel' ? undefined : channel;
}
