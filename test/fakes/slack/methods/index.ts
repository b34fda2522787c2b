import { app } from './app.ts';
import type { Method } from './call.ts';
import { chat } from './chat.ts';
import { conversations } from './conversations.ts';
import { files } from './files.ts';
import { membership } from './membership.ts';
import { reactions } from './reactions.ts';
import { users } from './users.ts';

export const METHODS: Readonly<Record<string, Method>> = {
  ...app,
  ...chat,
  ...conversations,
  ...files,
  ...membership,
  ...reactions,
  ...users,
};

/** Requests per minute of each tier, per method (https://docs.slack.dev/apis/web-api/rate-limits). */
const PER_MINUTE: Readonly<Record<number, number>> = { 1: 1, 2: 20, 3: 50, 4: 100 };

const TIERS: Readonly<Record<string, number>> = {
  'apps.connections.open': 1,
  'bots.info': 3,
  'chat.update': 3,
  'chat.delete': 3,
  'chat.postEphemeral': 4,
  'conversations.create': 2,
  'conversations.history': 3,
  'conversations.info': 3,
  'conversations.invite': 3,
  'conversations.join': 3,
  'conversations.list': 2,
  'conversations.members': 4,
  'conversations.open': 3,
  'conversations.replies': 3,
  'conversations.setTopic': 2,
  'files.completeUploadExternal': 4,
  'files.getUploadURLExternal': 4,
  'files.info': 4,
  'reactions.add': 3,
  'reactions.remove': 2,
  'usergroups.disable': 2,
  'usergroups.enable': 2,
  'usergroups.list': 2,
  'usergroups.users.list': 2,
  'usergroups.users.update': 2,
  'users.conversations': 3,
  'users.info': 4,
  'users.list': 2,
};

/** Undefined for methods with their own limit. */
export function rateOf(method: string): { readonly perMinute: number; readonly burst: number } | undefined {
  const perMinute = PER_MINUTE[TIERS[method] ?? 0];
  return perMinute === undefined ? undefined : { perMinute, burst: Math.max(5, Math.ceil(perMinute / 5)) };
}

/** The scope that a method needs, apart from those that depend on the kind of conversation. */
export const SCOPES: Readonly<Record<string, string>> = {
  'bots.info': 'users:read',
  'chat.delete': 'chat:write',
  'chat.postEphemeral': 'chat:write',
  'chat.postMessage': 'chat:write',
  'chat.update': 'chat:write',
  'files.completeUploadExternal': 'files:write',
  'files.getUploadURLExternal': 'files:write',
  'files.info': 'files:read',
  'reactions.add': 'reactions:write',
  'reactions.remove': 'reactions:write',
  'usergroups.disable': 'usergroups:write',
  'usergroups.enable': 'usergroups:write',
  'usergroups.list': 'usergroups:read',
  'usergroups.users.list': 'usergroups:read',
  'usergroups.users.update': 'usergroups:write',
  'users.info': 'users:read',
  'users.list': 'users:read',
};

export const USUAL_SCOPES: readonly string[] = [
  'app_mentions:read',
  'channels:history',
  'channels:join',
  'channels:manage',
  'channels:read',
  'chat:write',
  'commands',
  'files:read',
  'files:write',
  'groups:history',
  'groups:read',
  'groups:write',
  'im:history',
  'im:read',
  'im:write',
  'metadata.message:read',
  'mpim:history',
  'mpim:read',
  'mpim:write',
  'reactions:read',
  'reactions:write',
  'usergroups:read',
  'usergroups:write',
  'users:read',
];
