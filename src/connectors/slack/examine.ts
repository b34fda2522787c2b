import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import type { Finding } from '../connector.ts';
import type { SlackApi } from './api.ts';
import { classified, slugOf } from './failures.ts';
import { identify, type Identity } from './identity.ts';
import { FURTHER_SCOPES, JOIN_SCOPE, SCOPES, SLASH_COMMAND_SCOPE, type Scope } from './scopes.ts';

const WHERE = 'add it under "OAuth & Permissions" of the app at https://api.slack.com/apps and reinstall the app';

const info = z.looseObject({
  channel: z.looseObject({
    name: z.string().optional(),
    is_member: z.boolean().optional(),
    is_im: z.boolean().default(false),
    is_archived: z.boolean().default(false),
  }),
});

export interface ExamineOptions {
  readonly api: SlackApi;
  /** Requests a Socket Mode address; undefined: events arrive over HTTP. */
  readonly openSocket: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly slashCommand: string | undefined;
  readonly joinNewChannels: boolean;
}

/** Checks the tokens, the scopes, and each room. */
export async function examine(
  options: ExamineOptions,
  rooms: readonly string[],
  signal: AbortSignal,
): Promise<Finding[]> {
  let me: Identity;
  try {
    me = await identify(options.api, signal);
  } catch (error) {
    return [{ ok: false, what: 'bot token', message: messageOf(classified(error)) }];
  }
  const findings: Finding[] = [
    { ok: true, what: 'bot token', message: `posts as @${me.name} in ${me.team}` },
    await examineEvents(options, signal),
    ...examineScopes(options, me),
  ];
  for (const room of rooms) findings.push(await examineRoom(options.api, room, me, signal));
  return findings;
}

async function examineEvents({ openSocket }: ExamineOptions, signal: AbortSignal): Promise<Finding> {
  if (!openSocket) return { ok: true, what: 'events', message: 'arrive over HTTP, signed with the signing secret' };
  try {
    await openSocket(signal);
    return { ok: true, what: 'app token', message: 'opens Socket Mode' };
  } catch (error) {
    const slug = slugOf(error);
    const says =
      slug === 'missing_scope' || slug === 'not_allowed_token_type'
        ? 'is not an app-level token with connections:write: create one under "Basic Information", "App-Level Tokens"'
        : messageOf(classified(error));
    return { ok: false, what: 'app token', message: says };
  }
}

/** One finding per missing scope, or one for all if none is missing. */
function examineScopes({ slashCommand, joinNewChannels }: ExamineOptions, me: Identity): Finding[] {
  const wanted = [
    ...SCOPES,
    ...(slashCommand === undefined ? [] : [SLASH_COMMAND_SCOPE]),
    ...(joinNewChannels ? [JOIN_SCOPE] : []),
  ];
  const granted = new Set(me.scopes);
  const isMissing = ({ scope }: Scope): boolean => !granted.has(scope);
  const missing = wanted.filter(isMissing).map(({ scope, without }): Finding => ({
    ...{ ok: false, what: `scope ${scope}`, message: `missing: ${without}; ${WHERE}` },
  }));
  const further = FURTHER_SCOPES.filter(isMissing).map(({ scope, without }): Finding => ({
    ...{ ok: true, what: `scope ${scope}`, message: `not granted: ${without}` },
  }));
  const all: Finding[] =
    missing.length > 0
      ? missing
      : [
          {
            ok: true,
            what: 'scopes',
            message: further.length > 0 ? 'all that alerts need are granted' : 'all granted',
          },
        ];
  return [...all, ...further];
}

async function examineRoom(api: SlackApi, room: string, me: Identity, signal: AbortSignal): Promise<Finding> {
  const what = `room ${room}`;
  try {
    const { channel } = await api.call('conversations.info', { channel: room }, info, signal);
    const name = channel.name === undefined ? '' : `#${channel.name}: `;
    if (channel.is_archived)
      return { ok: false, what, message: `${name}archived: unarchive it, or configure another channel` };
    if (channel.is_member === false)
      return { ok: false, what, message: `${name}the bot is not in it: type /invite @${me.name} there` };
    return { ok: true, what, message: `${name}joined, may post` };
  } catch (error) {
    if (slugOf(error) === 'channel_not_found')
      return {
        ...{ ok: false, what },
        message: `the bot cannot see such a channel: configure its id (C…, at the end of its "About" tab), and if it is private, type /invite @${me.name} there`,
      };
    return { ok: false, what, message: messageOf(classified(error)) };
  }
}
