import type { Platform } from './connector.ts';
import { console } from './console/platform.ts';
import { matrix } from './matrix/platform.ts';
import { memory } from './memory/platform.ts';
import { web } from './web/platform.ts';

/** The platforms that come with the program: the only list of them. */
export const PLATFORMS: readonly Platform[] = [matrix, web, console, memory];

/** @throws {Error} for a type that the configuration should have refused. */
export function platformOf(type: string, platforms: readonly Platform[]): Platform {
  const found = platforms.find((platform) => platform.type === type);
  if (!found) throw new Error(`this release has no connector of type "${type}"`);
  return found;
}
