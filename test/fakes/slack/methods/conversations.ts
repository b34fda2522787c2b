import type { Channel } from '../channel.ts';
import type { JsonMap } from '../json.ts';
import type { Message } from '../message.ts';
import { decodeCursor, encodeCursor, page } from '../page.ts';
import { Refusal } from '../refusal.ts';
import { isMember, maxPage, ownChannel, requireChannelScope, requireScope, visibleChannel } from './call.ts';
import type { Call, Method } from './call.ts';

const KINDS = { public_channel: 'channel', private_channel: 'group', im: 'im', mpim: 'mpim' } as const;
const SCOPES = { public_channel: 'channels:read', private_channel: 'groups:read', im: 'im:read', mpim: 'mpim:read' };

export const conversations: Readonly<Record<string, Method>> = {
  'conversations.info': (call) => {
    const channel = visibleChannel(call);
    requireChannelScope(call, channel, 'read');
    const members: JsonMap = call.args.flag('include_num_members') ? { num_members: channel.members.size } : {};
    return { channel: { ...channel.describe(call.workspace.app.userId), ...members } };
  },

  'conversations.members': (call) => {
    const channel = visibleChannel(call);
    requireChannelScope(call, channel, 'read');
    const limit = maxPage(call, call.args.count('limit', 100, 1000));
    const { items, response_metadata } = page([...channel.members], call.args.text('cursor'), limit);
    return { members: [...items], response_metadata };
  },

  'conversations.list': (call) => listed(call, (channel) => channel.kind === 'channel' || isMember(call, channel)),

  'users.conversations': (call) => listed(call, (channel) => isMember(call, channel)),

  'conversations.history': (call) => {
    const channel = ownChannel(call);
    requireChannelScope(call, channel, 'history');
    const { args } = call;
    const latest = args.text('cursor') === '' ? args.ts('latest') : '';
    const before = args.text('cursor') === '' ? undefined : decodeCursor(args.text('cursor'), 'before');
    const found = channel
      .timeline()
      .filter(
        ({ ts }) =>
          isAfter(ts, args.ts('oldest'), args.flag('inclusive')) &&
          isBefore(ts, latest, args.flag('inclusive')) &&
          (before === undefined || ts < before),
      )
      .reverse();
    const limit = maxPage(call, args.count('limit', 100, 999));
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return {
      messages: shown.map((message) => seen(call, channel, message)),
      has_more: hasMore,
      pin_count: 0,
      ...(hasMore ? { response_metadata: { next_cursor: encodeCursor('before', last.ts) } } : {}),
    };
  },

  /** The parent first, on each page. */
  'conversations.replies': (call) => {
    const channel = ownChannel(call);
    requireChannelScope(call, channel, 'history');
    const { args } = call;
    const parent = channel.find(args.required('ts'));
    if (!parent) throw new Refusal('thread_not_found');
    const isReply = parent.threadTs !== undefined && parent.threadTs !== parent.ts;
    const replies = (isReply ? [] : channel.replies(parent.ts)).filter(
      ({ ts }) =>
        isAfter(ts, args.ts('oldest'), args.flag('inclusive')) &&
        isBefore(ts, args.ts('latest'), args.flag('inclusive')),
    );
    const limit = maxPage(call, args.count('limit', 1000, 1000));
    const { items, response_metadata } = page(replies, args.text('cursor'), limit);
    return {
      messages: [parent, ...items].map((message) => seen(call, channel, message)),
      has_more: response_metadata['next_cursor'] !== '',
      response_metadata,
    };
  },
};

function listed(call: Call, isListed: (channel: Channel) => boolean): JsonMap {
  const { args, workspace } = call;
  const types = args.has('types') ? args.names('types') : ['public_channel'];
  for (const type of types) {
    if (!(type in KINDS)) throw new Refusal('invalid_types');
    requireScope(call, SCOPES[type as keyof typeof KINDS]);
  }
  const kinds = types.map((type) => KINDS[type as keyof typeof KINDS]);
  const all = [...workspace.channels.values()].filter((channel) => kinds.includes(channel.kind) && isListed(channel));
  const limit = maxPage(call, args.count('limit', 100, 1000));
  const { items, response_metadata } = page(all, args.text('cursor'), limit);
  // Archived channels are filtered out after the page is cut: a page may be short or empty without being the last.
  const shown = items.filter((channel) => !args.flag('exclude_archived') || !channel.isArchived);
  return { channels: shown.map((channel) => channel.describe(workspace.app.userId)), response_metadata };
}

function seen(call: Call, channel: Channel, message: Message): JsonMap {
  const isPayloadShown = call.args.flag('include_all_metadata') && call.scopes.has('metadata.message:read');
  return call.workspace.inApi(channel, message, isPayloadShown);
}

function isAfter(ts: string, oldest: string, isInclusive: boolean): boolean {
  return oldest === '' || Number(ts) > Number(oldest) || (isInclusive && Number(ts) === Number(oldest));
}

function isBefore(ts: string, latest: string, isInclusive: boolean): boolean {
  return latest === '' || Number(ts) < Number(latest) || (isInclusive && Number(ts) === Number(latest));
}
