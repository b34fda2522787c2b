/** Transforms a merged source before it is parsed, and access rules after. */
import { LATER_PLATFORMS } from './connector-options.ts';
import { didYouMean } from './nearest.ts';
import type { Config } from './schema.ts';
import type { Finding } from './tree.ts';

export type Raw = Readonly<Record<string, unknown>>;

/** An entry's platform is `type`, by default its name. Entries that cannot be read further are left out. */
export function fillTypes(connectors: unknown, types: readonly string[], problem: (finding: Finding) => void): unknown {
  if (!isMap(connectors)) return connectors;
  const filled: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(connectors)) {
    if (!isMap(entry)) {
      problem({ path: ['connectors', name], message: 'must be a map (key: value)' });
      continue;
    }
    const { type = name } = entry;
    const atKey = !Object.hasOwn(entry, 'type');
    const path = atKey ? ['connectors', name] : ['connectors', name, 'type'];
    if (typeof type !== 'string') problem({ path, message: 'must be text' });
    else if (types.includes(type)) filled[name] = { ...entry, type };
    else if (LATER_PLATFORMS.includes(type))
      problem({ path, atKey, message: `${type} is not part of this release yet` });
    else {
      const known = [...types, ...LATER_PLATFORMS];
      const remedy = didYouMean(type, known) || `; write type: ${known.join(', ')}`;
      problem({ path, atKey, message: `no platform is called "${type.slice(0, 80)}"${remedy}` });
    }
  }
  return filled;
}

export function withTypes(connectors: unknown): unknown {
  if (!isMap(connectors)) return connectors;
  return Object.fromEntries(
    Object.entries(connectors).map(([name, entry]) => [name, isMap(entry) ? { type: name, ...entry } : entry]),
  );
}

/** `platform:matrix` becomes `platform:ENTRY` for each entry of that type, because an actor is identified by the entry. */
export function expandPlatforms({ access, connectors }: Config): Config['access'] {
  const expand = (who: string): string[] => {
    if (!who.startsWith('platform:')) return [who];
    const entries = Object.keys(connectors).filter(
      (name) => name === who.slice(9) || connectors[name]?.type === who.slice(9),
    );
    return entries.map((name) => `platform:${name}`);
  };
  return access.map((rule) => ({
    ...rule,
    ...(rule.allow && { allow: rule.allow.flatMap(expand) }),
    ...(rule.deny && { deny: rule.deny.flatMap(expand) }),
  }));
}

/** `rooms:` with nothing below it is ignored; `countdown:` below skills means the skill with its defaults. */
export function withoutNulls(raw: Raw): Raw {
  const filled = Object.entries(raw).filter(([, value]) => value !== null);
  return Object.fromEntries(
    filled.map(([key, value]) => {
      if (!isMap(value) || !['connectors', 'rooms', 'people', 'skills'].includes(key)) return [key, value];
      return [key, Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, entry ?? {}]))];
    }),
  );
}

export function isMap(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
