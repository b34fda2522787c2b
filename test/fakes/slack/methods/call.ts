import type { Arguments } from './arguments.ts';
import type { Channel } from '../channel.ts';
import type { JsonMap } from '../json.ts';
import { Refusal } from '../refusal.ts';
import type { SlackOptions } from '../types.ts';
import type { Workspace } from '../workspace.ts';

/** One call of a method, by a token that may make it. */
export interface Call {
  readonly workspace: Workspace;
  readonly options: SlackOptions;
  readonly args: Arguments;
  readonly scopes: ReadonlySet<string>;
  /** The address of this server. */
  readonly url: string;
  /** @throws {RateLimited} when the method's own bucket is empty. */
  readonly limit: (bucket: string, perMinute: number, burst: number) => void;
  readonly newSocketUrl: () => string;
}

export type Method = (call: Call) => JsonMap;

/** @throws {Refusal} `missing_scope`. */
export function requireScope({ scopes }: Pick<Call, 'scopes'>, needed: string): void {
  if (!scopes.has(needed)) throw new Refusal('missing_scope', { needed, provided: [...scopes].join(',') });
}

const FAMILY = { channel: 'channels', group: 'groups', im: 'im', mpim: 'mpim' } as const;

/** @throws {Refusal} when the token may not `history`, `read`, `write`… conversations of this kind. */
export function requireChannelScope(call: Call, channel: Channel, what: string): void {
  requireScope(call, `${FAMILY[channel.kind]}:${what}`);
}

/** The conversation that the call names, if the bot can see it. @throws {Refusal} */
export function visibleChannel(call: Call, name = 'channel'): Channel {
  const id = call.args.required(name);
  const channel = call.workspace.channels.get(id);
  if (!channel || (channel.kind !== 'channel' && !isMember(call, channel))) throw new Refusal('channel_not_found');
  return channel;
}

/** The conversation that the call names, if the bot is in it. @throws {Refusal} */
export function ownChannel(call: Call, name = 'channel'): Channel {
  const channel = visibleChannel(call, name);
  if (!isMember(call, channel)) throw new Refusal('not_in_channel');
  return channel;
}

export function isMember({ workspace }: Call, channel: Channel): boolean {
  return channel.members.has(workspace.app.userId);
}

export function maxPage({ options }: Call, limit: number): number {
  return Math.min(limit, options.maxPage ?? limit);
}
