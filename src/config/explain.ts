import type { z } from 'zod';
import { didYouMean } from './nearest.ts';
import type { Shape } from './shape.ts';
import type { Finding, Path } from './tree.ts';
import { SECRET_REMEDY } from './words.ts';

type Issue = z.core.$ZodIssue;

const MAX_FINDINGS = 200;

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  object: 'must be a map (key: value)',
  record: 'must be a map (key: value)',
  array: 'must be a list ([one, two])',
};

/**
 * Turns zod's issues into messages for people. They never contain values, which may be misplaced secrets.
 * `value` is what was parsed, `base` its path in the whole configuration.
 */
export function explain(issues: readonly Issue[], value: unknown, shape: Shape, base: Path): Finding[] {
  const findings = issues.flatMap((issue) => explainOne(issue, value, shape));
  // A key that zod strips silently would be a setting without effect.
  const unknown = shape.unknownKeys(value).slice(0, MAX_FINDINGS);
  const reported = new Set(findings.map(({ path, atKey }) => (atKey ? JSON.stringify(path) : '')));
  for (const { path, key } of unknown) {
    if (!reported.has(JSON.stringify([...path, key]))) findings.push(unknownKey(path, key, value, shape));
  }
  const seen = new Set<string>();
  return findings
    .map((finding) => ({ ...finding, path: [...base, ...finding.path] }))
    .filter(({ path, message }) => {
      const key = JSON.stringify([path, message]);
      return !seen.has(key) && seen.add(key) !== undefined;
    });
}

function explainOne(issue: Issue, value: unknown, shape: Shape): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const found = lookUp(value, path);
  if (shape.isSecret(path) && found !== undefined) {
    if (
      typeof found === 'object' &&
      found !== null &&
      Object.keys(found).length === 1 &&
      ('file' in found || 'env' in found)
    ) {
      return [{ path, message: deepest(issue) ?? 'write { file: NAME } or { env: NAME }' }];
    }
    return [
      {
        path,
        message:
          typeof found === 'object' && found !== null ? 'write one of { file: NAME } and { env: NAME }' : SECRET_REMEDY,
      },
    ];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      // With more it is not a configuration, and finding the nearest words would take seconds.
      return issue.keys.map((key, index) =>
        index < MAX_FINDINGS
          ? unknownKey(path, key, value, shape)
          : { path: [...path, key], message: 'unknown key', atKey: true },
      );
    case 'invalid_type':
      return [{ path, message: wrongType(issue.expected, found, issue.message) }];
    case 'invalid_value':
      return [{ path, message: wrongValue(issue.values, found) }];
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? 'is not a name', atKey: true }];
    case 'invalid_element':
      return issue.issues.flatMap((inner) =>
        explainOne({ ...inner, path: [...issue.path, ...inner.path] } as Issue, value, shape),
      );
    case 'invalid_union':
      return union(issue, value, found, shape, path);
    default:
      return [{ path, message: lowerFirst(issue.message) }];
  }
}

/** The intended alternative is the one whose type fits and whose issues are inside it. */
function union(
  issue: Issue & { code: 'invalid_union' },
  value: unknown,
  found: unknown,
  shape: Shape,
  path: Path,
): Finding[] {
  if (found === undefined) return [{ path, message: 'is missing' }];
  if (!issue.message.startsWith('Invalid input')) return [{ path, message: issue.message }];
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const typeFits = branches.filter(
    (branch) => !branch.some(({ code, path: at }) => code === 'invalid_type' && at.length === 0),
  );
  const known = typeFits.filter((branch) => !branch.some(({ code }) => code === 'unrecognized_keys'));
  const meant = (known.length > 0 ? known : typeFits).sort((one, other) => one.length - other.length)[0];
  if (meant)
    return meant.flatMap((inner) =>
      explainOne({ ...inner, path: [...issue.path, ...inner.path] } as Issue, value, shape),
    );
  if (isUnquoted(found)) return [{ path, message: wrongType('string', found, '') }];
  const wanted = new Set(
    branches.flatMap((branch) =>
      branch.map((inner) => (inner.code === 'invalid_type' ? (EXPECTED_TYPES[inner.expected] ?? '') : '')),
    ),
  );
  const words = [...wanted].filter(Boolean);
  return [{ path, message: words.length > 0 ? words.join(', or ') : 'has none of the accepted forms' }];
}

function deepest(issue: Issue): string | undefined {
  if (issue.code !== 'invalid_union') return lowerFirst(issue.message);
  const inner = issue.errors.flat().find(({ code }) => code !== 'invalid_type' && code !== 'unrecognized_keys');
  return inner && lowerFirst(inner.message);
}

function unknownKey(path: Path, key: string, value: unknown, shape: Shape): Finding {
  const known = shape.keysAt(path, lookUp(value, [...path, 'type']));
  const meant = didYouMean(key, known);
  const list = known.length > 0 && meant === '' ? ` (known: ${known.slice(0, 20).join(', ')})` : '';
  return { path: [...path, key], message: `unknown key${meant === '' ? list : meant}`, atKey: true };
}

function wrongType(expected: string, found: unknown, message: string): string {
  if (message !== '' && !message.startsWith('Invalid input')) return message;
  if (found === undefined) return 'is missing';
  if (expected === 'string') {
    if (found === null) return 'is empty (a value that begins with "#" must be quoted)';
    if (typeof found === 'number') return 'is a number but must be text: quote it';
    if (typeof found === 'boolean') return 'is true or false but must be text: quote it';
  }
  return EXPECTED_TYPES[expected] ?? `must be: ${expected}`;
}

function wrongValue(values: readonly unknown[], found: unknown): string {
  if (found === undefined) return 'is missing';
  const words = values.map(String);
  return `must be ${words.map((word) => `"${word}"`).join(' or ')}${typeof found === 'string' ? didYouMean(found, words) : ''}`;
}

/** Zod's own sentences begin with a capital letter. */
function lowerFirst(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

function isUnquoted(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || value === null;
}

export function lookUp(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}
