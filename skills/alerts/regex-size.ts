interface Group {
  size: number;
  /** The size of the part that a quantifier would repeat. */
  last: number;
}

/** Quoted text, an escape, a set, the start of a group, a repeat count, or any other character. */
const TOKEN =
  /\\Q(?<quoted>[^]*?)(?:\\E|$)|\\[pPx]\{[^}]*\}|\\[^]|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*\]?|\((?:\?(?:P?<\w*>|[a-zA-Z-]*:?))?|\{(?<min>\d+)(?:,(?<max>\d*))?\}|[^]/gu;

/**
 * An upper bound for the number of instructions that a valid regular expression compiles to, without compiling it:
 * `(ab){1000}` counts as 1,000 times `ab`.
 */
export function estimateInstructions(pattern: string): number {
  const outer: Group[] = [];
  let group: Group = { size: 0, last: 0 };
  const add = (size: number, last = size): void => {
    group.size += size;
    group.last = last;
  };
  for (const { 0: token, groups: { quoted, min, max } = {} } of pattern.matchAll(TOKEN)) {
    if (token.startsWith('(')) {
      outer.push(group);
      group = { size: 0, last: 0 };
    } else if (token === ')') {
      const { size } = group;
      group = outer.pop() ?? { size: 0, last: 0 };
      add(size + 3); // its start, its end, and one if it is empty
    } else if (min !== undefined) {
      const { last } = group;
      const times = Math.max(Number(min), Number(max ?? 0));
      group.size -= last;
      add(1 + last * times + (max === undefined ? 0 : last + times));
    } else if (/^[*+?]$/.test(token)) add(1, group.last + 1);
    else if (quoted !== undefined) add(quoted.length, 1);
    else add(token === '|' ? 2 : 1);
  }
  return outer.reduce((size, one) => size + one.size, group.size);
}
