import type { JsonMap } from '../json.ts';
import { page } from '../page.ts';
import { Refusal } from '../refusal.ts';
import type { User, UserGroup, Workspace } from '../workspace.ts';
import { maxPage } from './call.ts';
import type { Call, Method } from './call.ts';

export const users: Readonly<Record<string, Method>> = {
  'users.info': (call) => {
    const user = call.workspace.users.get(call.args.required('user'));
    if (!user) throw new Refusal('user_not_found');
    return { user: describeUser(call.workspace, user) };
  },

  'users.list': (call) => {
    const limit = maxPage(call, call.args.count('limit', 1000, 1000));
    const { items, response_metadata } = page([...call.workspace.users.values()], call.args.text('cursor'), limit);
    return { members: items.map((user) => describeUser(call.workspace, user)), response_metadata, cache_ts: 1 };
  },

  'bots.info': ({ workspace, args }) => {
    const found = [...workspace.users.values()].find(({ botId }) => botId !== undefined && botId === args.text('bot'));
    if (!found) throw new Refusal('bot_not_found');
    const { botId, appId, name, id, isDeleted } = found;
    return {
      bot: { id: botId ?? '', app_id: appId ?? '', user_id: id, name, deleted: isDeleted, updated: 1, icons: {} },
    };
  },

  'usergroups.list': ({ workspace, args }) => {
    const shown = [...workspace.groups.values()].filter((group) => args.flag('include_disabled') || !group.isDisabled);
    return { usergroups: shown.map((group) => describeGroup(workspace, group, args.flag('include_users'))) };
  },

  'usergroups.users.list': (call) => ({ users: [...groupOf(call).users] }),

  'usergroups.users.update': (call) => {
    const { workspace, args } = call;
    const group = groupOf(call);
    const wanted = args.names('users');
    // A group cannot be emptied; it has to be disabled instead.
    if (wanted.length === 0) throw new Refusal('no_users_provided');
    if (wanted.some((id) => !workspace.users.has(id))) throw new Refusal('invalid_users');
    group.users = [...new Set(wanted)];
    return { usergroup: describeGroup(workspace, group, true) };
  },

  'usergroups.disable': (call) => setDisabled(call, true),
  'usergroups.enable': (call) => setDisabled(call, false),
};

function setDisabled({ workspace, args }: Call, isDisabled: boolean): JsonMap {
  const group = workspace.groups.get(args.required('usergroup'));
  if (!group) throw new Refusal('no_such_subteam');
  if (group.isDisabled === isDisabled) throw new Refusal(isDisabled ? 'already_disabled' : 'already_enabled');
  group.isDisabled = isDisabled;
  return { usergroup: describeGroup(workspace, group, true) };
}

function groupOf({ workspace, args }: Call): UserGroup {
  const group = workspace.groups.get(args.required('usergroup'));
  if (!group) throw new Refusal('no_such_subteam');
  if (group.isDisabled && !args.flag('include_disabled')) throw new Refusal('subteam_disabled');
  return group;
}

function describeGroup({ teamId }: Workspace, group: UserGroup, withUsers: boolean): JsonMap {
  const { id, handle, users: members, isDisabled } = group;
  return {
    id,
    team_id: teamId,
    is_usergroup: true,
    name: handle,
    handle,
    description: '',
    date_delete: isDisabled ? 1 : 0,
    user_count: members.length,
    ...(withUsers ? { users: [...members] } : {}),
  };
}

export function describeUser({ teamId }: Workspace, user: User): JsonMap {
  const { id, name, displayName, realName, botId, appId, guest, isDeleted } = user;
  const profile = {
    real_name: realName,
    real_name_normalized: realName,
    display_name: displayName,
    display_name_normalized: displayName,
    team: teamId,
    ...(botId === undefined ? {} : { bot_id: botId, api_app_id: appId ?? '' }),
  };
  if (isDeleted) return { id, team_id: teamId, name, deleted: true, profile, is_bot: botId !== undefined, updated: 1 };
  return {
    id,
    team_id: teamId,
    name,
    deleted: false,
    real_name: realName,
    tz: 'Europe/Berlin',
    profile,
    is_admin: false,
    is_restricted: guest !== undefined,
    is_ultra_restricted: guest === 'single',
    is_bot: botId !== undefined,
    is_app_user: false,
    updated: 1,
  };
}
