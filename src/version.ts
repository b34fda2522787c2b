import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The release from package.json. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
