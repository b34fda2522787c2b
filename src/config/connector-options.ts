/** The options of an entry under `connectors:`: those of every platform, and those that each platform's module adds. */
import { z } from 'zod';
import { name } from './words.ts';

/** The part of a platform that the configuration needs. Passed in: platforms import the configuration, not the other way. */
export interface PlatformOptions {
  readonly type: string;
  readonly options: z.ZodObject;
}

/** Known platforms whose connectors come in a later release. */
export const LATER_PLATFORMS: readonly string[] = ['mattermost', 'discord'];

const opsRoom = name.optional().describe('Room in which this connector reports its own problems.');

/** An entry of any platform, including platform-specific options. */
export const anyConnector = z.looseObject({ type: z.string(), opsRoom });
export type ConnectorConfig = z.infer<typeof anyConnector>;

/** An entry without `type`, which is by default the entry's name. */
export function entryOf({ options }: PlatformOptions): z.ZodObject {
  return options.safeExtend({ opsRoom });
}

/** An entry of one of these platforms, after `type` was filled in. */
export function connectorOf(platforms: readonly PlatformOptions[]): z.ZodType {
  const [first, ...more] = platforms.map((platform) =>
    entryOf(platform).safeExtend({ type: z.literal(platform.type) }),
  );
  return first ? z.discriminatedUnion('type', [first, ...more]) : z.never();
}
