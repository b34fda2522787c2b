/** Which platforms there are, and what an entry of `connectors:` may say for each. */
import { z } from 'zod';
import { matrixOptions } from '../connectors/matrix/options.ts';
import { name, secretReference } from './words.ts';

const opsRoom = name.optional().describe("Room that is told about this connector's own trouble.");

const web = z.strictObject({
  password: secretReference
    .optional()
    .describe(
      'Signs people in to the web chat. Without it, and beside it, `watchbell sign-in` prints an address that signs one browser in.',
    ),
  opsRoom,
});
const local = z.strictObject({ opsRoom });

export const connectorTypes = { matrix: matrixOptions, web, console: local, memory: local } as const;
export type ConnectorType = keyof typeof connectorTypes;

/** Known words whose connectors come in a later release. */
export const laterConnectorTypes: readonly string[] = ['slack', 'mattermost', 'discord'];

export function isConnectorType(type: string): type is ConnectorType {
  return Object.hasOwn(connectorTypes, type);
}

/** One entry of `connectors:` after `type` was filled in from the entry's name. */
export const connector = z.discriminatedUnion('type', [
  matrixOptions.safeExtend({ type: z.literal('matrix') }),
  z.strictObject({ type: z.literal('web'), ...web.shape }),
  z.strictObject({ type: z.literal('console'), ...local.shape }),
  z.strictObject({ type: z.literal('memory'), ...local.shape }),
]);
export type ConnectorConfig = z.infer<typeof connector>;
