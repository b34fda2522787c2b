import type { Platform } from '../connector.ts';
import { slackOptions, type SlackOptions } from './options.ts';
import { slackSetup } from './setup.ts';

/** Largest part as JSON. Slack truncates a text at 40,000 characters, and answers `msg_blocks_too_long` well below that. */
export const MAX_BYTES = 40_000;

/** How far back `find.ts` searches for a message before it is sent again. */
export const KEY_WINDOW_MS = 24 * 3_600_000;

export const slack: Platform<SlackOptions> = {
  type: 'slack',
  options: slackOptions,
  capabilities: ({ slashCommand }) => ({
    edit: true,
    delete: true,
    threads: true,
    buttons: true,
    select: true,
    reactions: true,
    files: { maxBytes: 8 * 1024 * 1024, upload: true },
    asker: true,
    direct: true,
    group: true,
    members: true,
    slashCommands: slashCommand !== undefined,
    topic: true,
    memberGroups: true,
    addressed: false,
    maxBytes: MAX_BYTES,
    keyWindowMs: KEY_WINDOW_MS,
  }),
  create: async (options, environment) => (await import('./index.ts')).create(options, environment),
  setup: slackSetup,
};
