import { z } from 'zod';
import type { SlackApi } from './api.ts';

/** Who the bot is in its workspace. */
export interface Identity {
  readonly userId: string;
  readonly botId: string;
  readonly name: string;
  readonly team: string;
  /** Granted to the bot token. */
  readonly scopes: readonly string[];
}

const answer = z.looseObject({
  user_id: z.string(),
  bot_id: z.string().optional(),
  user: z.string().default('the bot'),
  team: z.string().default('the workspace'),
  response_metadata: z.looseObject({ scopes: z.array(z.string()).default([]) }).optional(),
});

export async function identify(api: SlackApi, signal: AbortSignal): Promise<Identity> {
  const {
    user_id: userId,
    bot_id: botId = '',
    user: name,
    team,
    response_metadata: more,
  } = await api.call('auth.test', {}, answer, signal);
  return { userId, botId, name, team, scopes: more?.scopes ?? [] };
}
