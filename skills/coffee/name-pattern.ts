/** Whether one of the names of somebody is listed, or fits a listed pattern: `*-bot`, `@bridge_*:example.org`. */
export function matchesAny(listed: readonly string[], names: readonly string[]): boolean {
  return listed.some((one) =>
    isPattern(one) ? names.some((name) => fits(one, name) || fits(one, localOf(name))) : names.includes(one),
  );
}

export function isPattern(listed: string): boolean {
  return listed.includes('*');
}

/** `deploy-bot` of `@deploy-bot:example.org`: a pattern is about accounts on any server, unless it names one. */
function localOf(name: string): string {
  return /^@([^:]*):/.exec(name)?.[1] ?? name;
}

/** Each `*` stands for any characters, also none. The leftmost place for each piece is enough, so this never goes back. */
function fits(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}
