import { matchesWildcard } from '#skill';

/** Whether one of a person's names is listed, or matches a listed pattern: `*-bot`, `@bridge_*:example.org`. */
export function matchesAny(listed: readonly string[], names: readonly string[]): boolean {
  return listed.some((one) =>
    isPattern(one)
      ? names.some((name) => matchesWildcard(one, name) || matchesWildcard(one, localOf(name)))
      : names.includes(one),
  );
}

export function isPattern(listed: string): boolean {
  return listed.includes('*');
}

/** `deploy-bot` of `@deploy-bot:example.org`: a pattern matches accounts on any server unless it names one. */
function localOf(name: string): string {
  return /^@([^:]*):/.exec(name)?.[1] ?? name;
}
