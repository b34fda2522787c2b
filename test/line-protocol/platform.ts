import { z } from 'zod';
import { secretReference } from '../../src/config/words.ts';
import type { Platform } from '../../src/connectors/connector.ts';

const options = z.strictObject({ port: z.int().describe('Port of the server.'), token: secretReference });
export type LineOptions = z.infer<typeof options>;

export const MAX_BYTES = 16 * 1024;

/** JSON lines over TCP; presses can also be posted to any replica. */
export const lines: Platform<LineOptions> = {
  type: 'lines',
  options,
  capabilities: () => ({
    edit: true,
    delete: true,
    threads: false,
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
    keyWindowMs: 24 * 3_600_000,
  }),
  create: async (given, environment) => (await import('./connector.ts')).create(given, environment),
};
