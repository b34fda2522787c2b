/** Which platforms there are, and what an entry of `connectors:` may say for each. */
import { z } from 'zod';
import { name, secretReference } from './words.ts';

const opsRoom = name.optional().describe("Room that is told about this connector's own trouble.");

const matrix = z.strictObject({
  homeserver: z.url({ protocol: /^https?$/, error: 'is not an address: write https://matrix.example.org' }).describe('Address of the homeserver.'),
  token: secretReference.optional().describe('Access token, made by a login with a device.'),
  user: z.string().min(1).optional().describe('User for a login with a password.'),
  password: secretReference.optional().describe('Password; the device is kept.'),
  device: z.string().min(1).optional().describe('Device id to log in as; default: one the bot makes and keeps.'),
  opsRoom,
  rate: z
    .strictObject({ perSecond: z.number().positive(), burst: z.int().positive() })
    .optional()
    .describe('Sends per second and burst to keep to; default: full speed until the server says otherwise.'),
});

const web = z.strictObject({
  password: secretReference.optional().describe('Opens the web chat to other hosts; without it only this machine is let in.'),
  opsRoom,
});
const local = z.strictObject({ opsRoom });

export const connectorTypes = { matrix, web, console: local, memory: local } as const;
export type ConnectorType = keyof typeof connectorTypes;

/** Known words whose connectors come in a later release. */
export const laterConnectorTypes: readonly string[] = ['slack', 'mattermost', 'discord'];

export function isConnectorType(type: string): type is ConnectorType {
  return Object.hasOwn(connectorTypes, type);
}

/** One entry of `connectors:` after `type` was filled in from the entry's name. */
export const connector = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('matrix'), ...matrix.shape }),
  z.strictObject({ type: z.literal('web'), ...web.shape }),
  z.strictObject({ type: z.literal('console'), ...local.shape }),
  z.strictObject({ type: z.literal('memory'), ...local.shape }),
]);
export type ConnectorConfig = z.infer<typeof connector>;
