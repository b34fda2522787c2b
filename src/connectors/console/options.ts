import { z } from 'zod';

/** The entry of the console under `connectors:`. */
export const consoleOptions = z.strictObject({
  opsRoom: z.string().optional().describe("Name of the room that is told about this connector's own trouble."),
});

export type ConsoleOptions = z.infer<typeof consoleOptions>;
