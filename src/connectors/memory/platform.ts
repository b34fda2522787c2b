import { z } from 'zod';
import type { Capabilities, Platform } from '../connector.ts';

/** Everything, so that each capability is tested before a real platform needs it. */
export const MEMORY_CAPABILITIES: Capabilities = {
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
  slashCommands: true,
  topic: true,
  memberGroups: true,
  addressed: false,
  maxBytes: 64 * 1024,
  keyWindowMs: Number.POSITIVE_INFINITY,
};

/** For tests. When it is configured, each connector gets a separate platform. */
export const memory: Platform<Record<never, never>> = {
  type: 'memory',
  options: z.strictObject({}),
  capabilities: () => MEMORY_CAPABILITIES,
  create: async () => {
    const { createMemoryConnector, MemoryPlatform } = await import('./index.ts');
    return createMemoryConnector(new MemoryPlatform());
  },
};
