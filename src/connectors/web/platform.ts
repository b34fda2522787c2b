import { z } from 'zod';
import { secretReference } from '../../config/words.ts';
import type { Platform } from '../connector.ts';

/** What a browser shows has no limit of its own; this bounds what a reader is sent at once. */
export const MAX_BYTES = 1024 * 1024;

const options = z.strictObject({
  password: secretReference
    .optional()
    .describe(
      'Password for the web chat. With or without it, `watchbell sign-in` prints a link that signs in one browser.',
    ),
});
export type WebOptions = z.infer<typeof options>;

export const web: Platform<WebOptions> = {
  type: 'web',
  options,
  capabilities: () => ({
    edit: true,
    delete: true,
    threads: true,
    buttons: true,
    select: false,
    reactions: false,
    files: false,
    asker: true,
    direct: false,
    group: false,
    members: false,
    slashCommands: false,
    topic: false,
    memberGroups: false,
    addressed: true,
    maxBytes: MAX_BYTES,
    keyWindowMs: Number.POSITIVE_INFINITY,
  }),
  create: async (_options, environment) => (await import('./index.ts')).create(environment),
  setup: {
    title: 'the built-in web chat',
    questions: [],
    room: { label: 'Room', help: 'Any name; the web chat creates the room.', default: 'ops' },
  },
};
