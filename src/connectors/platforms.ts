import type { Platform } from './connector.ts';
import { console } from './console/platform.ts';
import { matrix } from './matrix/platform.ts';
import { memory } from './memory/platform.ts';
import { slack } from './slack/platform.ts';
import { web } from './web/platform.ts';

/** The only list of built-in platforms. */
export const PLATFORMS: readonly Platform[] = [matrix, slack, web, console, memory];

/** @throws {Error} for an unknown type, which the configuration check should have rejected. */
export function platformOf(type: string, platforms: readonly Platform[]): Platform {
  const found = platforms.find((platform) => platform.type === type);
  if (!found) throw new Error(`this release has no connector of type "${type}"`);
  return found;
}
