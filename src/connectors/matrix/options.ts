import { z } from 'zod';
import { secretReference as secret } from '../../config/words.ts';

/** The entry of a Matrix account under `connectors:`; its rooms stand under `rooms:`. */
export const matrixOptions = z
  .strictObject({
    homeserver: z
      .url({
        protocol: /^https?$/,
        error: 'must be the address of the homeserver, for example https://matrix.example.org',
      })
      .describe("The homeserver's client-server address."),
    token: secret
      .optional()
      .describe('Access token of the bot, made by a login (one made by the admin API has no device).'),
    user: z.string().min(1).optional().describe('Instead of a token: the user, `bell` or `@bell:example.org`.'),
    password: secret.optional().describe('Instead of a token: its password.'),
    device: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, ".", "_" or "-"' })
      .optional()
      .describe('Device id for the login by password; by default one is made up once and kept.'),
    rate: z
      .strictObject({
        perSecond: z.number().positive().describe('Requests a second in the long run.'),
        burst: z.number().int().positive().describe('Requests at once, after a rest.'),
      })
      .optional()
      .describe('What the homeserver lets this account send; left out: full speed until it says otherwise.'),
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
