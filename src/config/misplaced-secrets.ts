import { isMap } from './raw.ts';
import type { Finding, Path } from './tree.ts';
import { SECRET_REMEDY } from './words.ts';

/** An address, or what tokens of the platforms begin with: neither is the name of a file or of a variable. */
const TOKEN = /^(?:syt_|mat_|mct_|xox[a-z]-|xapp-|gh[pousr]_|glpat-)\S{8}/;
const WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#\s]*@/i;

/** Secrets that stand where their name belongs, and passwords in addresses: both would be shown in logs and stored. */
export function misplacedSecrets(value: unknown, path: Path = []): Finding[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => misplacedSecrets(item, [...path, index]));
  if (isMap(value)) return Object.entries(value).flatMap(([key, inner]) => misplacedSecrets(inner, [...path, key]));
  if (typeof value !== 'string') return [];
  const key = path.at(-1);
  const isSecret =
    (key === 'file' && value.includes('://')) || ((key === 'file' || key === 'env') && TOKEN.test(value));
  if (isSecret) return [{ path, says: SECRET_REMEDY }];
  if (WITH_PASSWORD.test(value))
    return [{ path, says: 'has a password in it, which would be shown and stored: write the address without it' }];
  return [];
}
