import { isMap } from './raw.ts';
import type { Finding, Path } from './tree.ts';
import { SECRET_REMEDY } from './words.ts';

/**
 * Prefixes of platform tokens. Tokens are random: a name chosen by people, such as mat_access_token, may have the same prefix,
 * but rarely three digits or capitals.
 */
const TOKEN = /^(?:syt_|mat_|mct_|xox[a-z]-|xapp-|gh[pousr]_|glpat-)(?=(?:\S*?[A-Z0-9]){3})\S{8}/;
const WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#\s]*@/i;
/** Maps whose keys and values users choose freely. */
const FREE_FORM = ['labels', 'annotations'];

/**
 * Finds secrets in place of their names, and passwords in addresses: both would be logged and stored.
 * `isReference` tells whether a path expects `{ file }` or `{ env }`.
 */
export function misplacedSecrets(value: unknown, isReference: (path: Path) => boolean, path: Path = []): Finding[] {
  const below = (key: string | number, inner: unknown): Finding[] =>
    misplacedSecrets(inner, isReference, [...path, key]);
  if (Array.isArray(value)) return value.flatMap((item, index) => below(index, item));
  if (isMap(value)) {
    const [name, ...more] = Object.keys(value);
    if (more.length === 0 && (name === 'file' || name === 'env') && isReference(path))
      return isSecret(name, value[name]) ? [{ path: [...path, name], message: SECRET_REMEDY }] : [];
    return Object.entries(value).flatMap(([key, inner]) =>
      path.length > 1 && FREE_FORM.includes(key) && isFlat(inner) ? [] : below(key, inner),
    );
  }
  if (typeof value === 'string' && WITH_PASSWORD.test(value))
    return [{ path, message: 'contains a password, which would be shown and stored: write the address without it' }];
  return [];
}

function isFlat(value: unknown): boolean {
  return isMap(value) && Object.values(value).every((inner) => typeof inner !== 'object');
}

function isSecret(key: 'file' | 'env', value: unknown): boolean {
  return typeof value === 'string' && (TOKEN.test(value) || (key === 'file' && value.includes('://')));
}
