import { z } from 'zod';
import { secretReference as secret } from '../../config/words.ts';

/** Schema of a Matrix account under `connectors:`; its rooms are under `rooms:`. */
export const matrixOptions = z
  .strictObject({
    homeserver: z
      .url({
        protocol: /^https?$/,
        error: 'must be the address of the homeserver, for example https://matrix.example.org',
      })
      .describe("The homeserver's client-server address."),
    token: secret.optional().describe("The bot's access token from a login (one from the admin API has no device)."),
    user: z.string().min(1).optional().describe('Instead of a token: the user, `bell` or `@bell:example.org`.'),
    password: secret.optional().describe("Instead of a token: the user's password."),
    device: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, ".", "_" or "-"' })
      .optional()
      .describe('Device id for a password login; by default one is generated once and kept.'),
    rate: z
      .strictObject({
        perSecond: z.number().positive().describe('Sustained requests per second.'),
        burst: z.number().int().positive().describe('Requests at once, after a pause.'),
      })
      .optional()
      .describe("The homeserver's rate limit for this account; default: full speed until it reports a limit."),
  })
  .refine(
    (options) => (options.token === undefined) !== (options.user === undefined && options.password === undefined),
    {
      error: 'give either `token`, or `user` and `password`',
    },
  )
  .refine((options) => (options.user === undefined) === (options.password === undefined), {
    error: '`user` and `password` belong together',
  });

export type MatrixOptions = z.infer<typeof matrixOptions>;
