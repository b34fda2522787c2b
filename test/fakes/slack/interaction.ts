import type { Channel } from './channel.ts';
import { list, map, text } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import type { Message } from './message.ts';
import type { Workspace } from './workspace.ts';

/** Something that can be pressed or chosen: a button, or one option of a list. */
interface Choice {
  readonly element: JsonMap;
  readonly blockId: string;
  readonly option: JsonMap | undefined;
}

/** In the displayed order. */
function choices(blocks: readonly Json[]): Choice[] {
  return blocks.map(map).flatMap((block) => {
    const elements = [...list(block['elements']), ...(block['accessory'] === undefined ? [] : [block['accessory']])];
    return elements.map(map).flatMap((element): Choice[] => {
      const found = { element, blockId: text(block['block_id']) };
      if (element['type'] === 'button') return [{ ...found, option: undefined }];
      const options = [
        ...list(element['options']),
        ...list(element['option_groups']).flatMap((group) => list(map(group)['options'])),
      ];
      return options.map((option) => ({ ...found, option: map(option) }));
    });
  });
}

/**
 * The payload of a press or a choice. `which`: its position among all buttons and options, an `action_id`, or the value of a
 * button or an option.
 */
export function blockActions(
  workspace: Workspace,
  channel: Channel,
  message: Message,
  user: string,
  which: number | string,
  responseUrl: string,
  isEphemeral: boolean,
): JsonMap {
  const all = choices(message.blocks ?? []);
  const choice =
    typeof which === 'number'
      ? all[which]
      : all.find(({ element, option }) => [element['action_id'], (option ?? element)['value']].includes(which));
  if (!choice) throw new Error(`the message has no action ${which}: ${JSON.stringify(message.blocks)}`);
  const { element, option, blockId } = choice;
  const { type, action_id, text: label, value, style, placeholder } = element;
  const action: JsonMap = {
    type: type ?? '',
    action_id: action_id ?? '',
    block_id: blockId,
    action_ts: workspace.newTs(),
  };
  if (option) Object.assign(action, { selected_option: option, ...(placeholder === undefined ? {} : { placeholder }) });
  else
    Object.assign(action, {
      text: label,
      ...(value === undefined ? {} : { value }),
      ...(style === undefined ? {} : { style }),
    });
  const name = workspace.user(user).name;
  const state = option ? { [blockId]: { [text(action_id)]: { type: type ?? '', selected_option: option } } } : {};
  const thread: JsonMap = message.threadTs === undefined ? {} : { thread_ts: message.threadTs };
  const { channel: _channel, channel_type: _type, ...shown } = workspace.inEvent(channel, message);
  return {
    type: 'block_actions',
    user: { id: user, username: name, name, team_id: workspace.teamId },
    api_app_id: workspace.app.appId,
    token: 'verification-token',
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: channel.id,
      is_ephemeral: isEphemeral,
      ...thread,
    },
    trigger_id: `${workspace.newTs()}.trigger`,
    team: { id: workspace.teamId, domain: workspace.domain },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: channel.id, name: channelName(channel) },
    ...(isEphemeral ? {} : { message: shown }),
    state: { values: state },
    response_url: responseUrl,
    actions: [action],
  };
}

export function slashCommand(
  workspace: Workspace,
  channel: Channel,
  user: string,
  command: string,
  words: string,
  responseUrl: string,
): JsonMap {
  return {
    token: 'verification-token',
    team_id: workspace.teamId,
    team_domain: workspace.domain,
    channel_id: channel.id,
    channel_name: channelName(channel),
    user_id: user,
    user_name: workspace.user(user).name,
    command,
    text: words,
    api_app_id: workspace.app.appId,
    is_enterprise_install: 'false',
    response_url: responseUrl,
    trigger_id: `${workspace.newTs()}.trigger`,
  };
}

function channelName(channel: Channel): string {
  if (channel.kind === 'im') return 'directmessage';
  return channel.kind === 'group' ? 'privategroup' : channel.name;
}
