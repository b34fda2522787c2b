import { z } from 'zod';
import { secretReference as secret } from '../../config/words.ts';

/** The entry of a Slack app under `connectors:`; its channels are listed under `rooms:`. */
export const slackOptions = z
  .strictObject({
    botToken: secret.describe('Bot token of the app, `xoxb-…`.'),
    appToken: secret
      .optional()
      .describe('App-level token, `xapp-…`, with `connections:write`, to receive events over Socket Mode.'),
    signingSecret: secret
      .optional()
      .describe('Signing secret, instead of an app token, to receive events at `POST /webhooks/slack/NAME`.'),
    slashCommand: z
      .string()
      .regex(/^\/[a-z0-9_-]{1,31}$/, { error: 'must be the slash command as people type it, for example /bell' })
      .optional()
      .describe('Slash command of the app, such as `/bell`; default none.'),
    joinNewChannels: z.boolean().default(false).describe('Joins each new public channel.'),
    apiUrl: z
      .url({
        protocol: /^https?$/,
        error: 'must be the address of the Web API, for example https://slack-gov.com/api/',
      })
      .default('https://slack.com/api/')
      .describe('Address of the Web API, for GovSlack or a proxy.'),
  })
  .refine((options) => (options.appToken === undefined) !== (options.signingSecret === undefined), {
    error: 'set either `appToken` (Socket Mode) or `signingSecret` (events over HTTP), not both',
  });

export type SlackOptions = z.infer<typeof slackOptions>;
