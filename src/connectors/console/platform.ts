import { z } from 'zod';
import type { Platform } from '../connector.ts';

export const console: Platform<Record<never, never>> = {
  type: 'console',
  options: z.strictObject({}),
  capabilities: () => ({
    // Printed text stays; an edit is printed again with a mark.
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
    // Keys are kept only in memory, so a repeat after a crash is printed twice.
    keyWindowMs: 0,
  }),
  create: async () => (await import('./index.ts')).create(),
};
