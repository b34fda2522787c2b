import { z } from 'zod';
import type { Capabilities, Platform } from '../connector.ts';

export const MEMORY_CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  threads: true,
  buttons: false,
  select: false,
  reactions: true,
  files: false,
  asker: false,
  direct: true,
  group: true,
  members: true,
  slashCommands: false,
  topic: false,
  memberGroups: false,
  addressed: false,
  maxBytes: 64 * 1024,
  keyWindowMs: Number.POSITIVE_INFINITY,
};

/** For tests; from a configuration, each connector is a platform of its own that nobody else sees. */
export const memory: Platform<Record<never, never>> = {
  type: 'memory',
  options: z.strictObject({}),
  capabilities: () => MEMORY_CAPABILITIES,
  create: async () => {
    const { createMemoryConnector, MemoryPlatform } = await import('./index.ts');
    return createMemoryConnector(new MemoryPlatform());
  },
};
