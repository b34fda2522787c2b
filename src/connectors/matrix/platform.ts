import type { Platform } from '../connector.ts';
import { matrixOptions, type MatrixOptions } from './options.ts';
import { MAX_BYTES } from './render.ts';
import { matrixSetup } from './setup.ts';

export const matrix: Platform<MatrixOptions> = {
  type: 'matrix',
  options: matrixOptions,
  capabilities: ({ rate }) => ({
    edit: true,
    delete: true,
    threads: true,
    buttons: false,
    select: false,
    reactions: true,
    files: { maxBytes: 8 * 1024 * 1024, upload: true },
    asker: false,
    direct: true,
    group: true,
    members: true,
    slashCommands: false,
    topic: false,
    memberGroups: false,
    addressed: false,
    maxBytes: MAX_BYTES,
    keyWindowMs: 24 * 3_600_000,
    ...(rate && { rate }),
  }),
  create: async (options, environment) => (await import('./index.ts')).create(options, environment),
  setup: matrixSetup,
};
