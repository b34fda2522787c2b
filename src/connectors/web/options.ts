import { z } from 'zod';

const secret = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);

/** The entry of the web chat under `connectors:`. */
export const webOptions = z.strictObject({
  password: secret.optional().describe('Opens the page to other hosts; without it only this machine is let in.'),
  opsRoom: z.string().optional().describe("Name of the room that is told about this connector's own trouble."),
});

export type WebOptions = z.infer<typeof webOptions>;
