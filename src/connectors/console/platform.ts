import { z } from 'zod';
import type { Platform } from '../connector.ts';

export const console: Platform<Record<never, never>> = {
  type: 'console',
  options: z.strictObject({}),
  capabilities: () => ({
    // What was printed stays; a change is printed again, marked.
    edit: true,
    delete: true,
    threads: false,
    buttons: false,
    select: false,
    reactions: false,
    files: false,
    asker: false,
    direct: false,
    group: false,
    members: false,
    slashCommands: false,
    topic: false,
    memberGroups: false,
    addressed: true,
    maxBytes: 256 * 1024,
    // Keys are known as long as the process lives, so a repeat after a crash is printed twice.
    keyWindowMs: 0,
  }),
  create: async () => (await import('./index.ts')).create(),
};
