import type { Channel } from '../channel.ts';
import { canonicalName } from '../emoji.ts';
import type { JsonMap } from '../json.ts';
import type { Message } from '../message.ts';
import { Refusal } from '../refusal.ts';
import type { Workspace } from '../workspace.ts';
import { ownChannel } from './call.ts';
import type { Call, Method } from './call.ts';

export const reactions: Readonly<Record<string, Method>> = {
  'reactions.add': (call) => {
    const { channel, message, name } = target(call);
    if (channel.isArchived) throw new Refusal('is_archived');
    addReaction(call.workspace, channel, message, call.workspace.app.userId, name);
    return {};
  },
  'reactions.remove': (call) => {
    const { channel, message, name } = target(call);
    removeReaction(call.workspace, channel, message, call.workspace.app.userId, name);
    return {};
  },
};

function target(call: Call): { readonly channel: Channel; readonly message: Message; readonly name: string } {
  const name = canonicalName(call.args.required('name'));
  if (name === undefined) throw new Refusal('invalid_name');
  if (!call.args.has('timestamp')) throw new Refusal('no_item_specified');
  const channel = ownChannel(call);
  const message = channel.find(call.args.text('timestamp'));
  if (!message || message.subtype === 'tombstone') throw new Refusal('message_not_found');
  return { channel, message, name };
}

/** @throws {Refusal} `already_reacted` */
export function addReaction(
  workspace: Workspace,
  channel: Channel,
  message: Message,
  user: string,
  name: string,
): void {
  const users = message.reactions.get(name) ?? [];
  if (users.includes(user)) throw new Refusal('already_reacted');
  if (message.reactions.size >= 50 && users.length === 0) throw new Refusal('too_many_reactions');
  message.reactions.set(name, [...users, user]);
  tell(workspace, 'reaction_added', channel, message, user, name);
}

/** @throws {Refusal} `no_reaction` */
export function removeReaction(
  workspace: Workspace,
  channel: Channel,
  message: Message,
  user: string,
  name: string,
): void {
  const users = message.reactions.get(name) ?? [];
  if (!users.includes(user)) throw new Refusal('no_reaction');
  const left = users.filter((one) => one !== user);
  if (left.length > 0) message.reactions.set(name, left);
  else message.reactions.delete(name);
  tell(workspace, 'reaction_removed', channel, message, user, name);
}

function tell(
  workspace: Workspace,
  type: string,
  channel: Channel,
  message: Message,
  user: string,
  reaction: string,
): void {
  const item: JsonMap = { type: 'message', channel: channel.id, ts: message.ts };
  workspace.onEvent({ type, user, reaction, item, item_user: message.user, event_ts: workspace.newTs() }, channel);
}
