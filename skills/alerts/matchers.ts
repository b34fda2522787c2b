import { compileRegex, type Regex } from './regex.ts';
import { valueOf } from './text.ts';

export type Operator = '=' | '!=' | '=~' | '!~';

/** One condition on one label; a missing label has the value ''. */
export interface Matcher {
  readonly name: string;
  readonly operator: Operator;
  readonly value: string;
  readonly test: (value: string) => boolean;
}

/**
 * Parses Alertmanager's syntax: `a="b"`, `a!="b"`, `a=~"b.*"`, `a!~b`, names in quotes, lists with and without braces.
 * @throws {Error} whose message says what is wrong where.
 */
export function parseMatchers(text: string): Matcher[] {
  let rest = text.trim();
  if (rest.startsWith('{')) {
    if (!rest.endsWith('}')) throw new Error(`"${text}" has no closing "}"`);
    rest = rest.slice(1, -1).trim();
  } else if (rest.endsWith('}')) throw new Error(`"${text}" has no opening "{"`);
  const found: Matcher[] = [];
  while (rest !== '') {
    const name = readName(rest, text);
    const operator = /^\s*(=~|!=|!~|=)\s*/.exec(name.rest);
    if (!operator) throw new Error(`"${text}": expected =, !=, =~ or !~ after ${name.value}`);
    const value = readValue(name.rest.slice(operator[0].length), text);
    found.push(makeMatcher(name.value, operator[1] as Operator, value.value));
    rest = value.rest.trim();
    if (rest === '') break;
    if (!rest.startsWith(',')) throw new Error(`"${text}": missing comma before ${rest.slice(0, 20)}`);
    rest = rest.slice(1).trim();
  }
  if (found.length === 0) throw new Error('empty matcher; write one like severity="critical"');
  return found;
}

interface Token {
  readonly value: string;
  readonly rest: string;
}

function readName(rest: string, text: string): Token {
  if (rest.startsWith('"')) return readQuoted(rest, text);
  const match = /^[^\s{}!=~,\\"'`]+/.exec(rest);
  if (!match) throw new Error(`"${text}": expected a label name`);
  return { value: match[0], rest: rest.slice(match[0].length) };
}

function readValue(rest: string, text: string): Token {
  if (rest.startsWith('"')) return readQuoted(rest, text);
  // Without quotes the older syntax accepts anything up to the next comma; the newer one is stricter. Both are in use.
  const match = /^[^,"]*/.exec(rest)?.[0] ?? '';
  return { value: match.trim(), rest: rest.slice(match.length) };
}

function readQuoted(rest: string, text: string): Token {
  const match = /^"((?:[^"\\]|\\.)*)"/s.exec(rest);
  if (match?.[1] === undefined) throw new Error(`"${text}": missing closing quote`);
  return { value: match[1].replace(/\\(.)/gs, unescape), rest: rest.slice(match[0].length) };
}

/** Like Alertmanager, leaves unknown escapes as they are, so that `"\d+"` works with one backslash. */
function unescape(escape: string, character: string): string {
  if (character === 'n') return '\n';
  return character === '"' || character === '\\' ? character : escape;
}

function makeMatcher(name: string, operator: Operator, value: string): Matcher {
  if (operator === '=') return { name, operator, value, test: (other) => other === value };
  if (operator === '!=') return { name, operator, value, test: (other) => other !== value };
  const regex = compileValue(name, operator, value);
  return {
    name,
    operator,
    value,
    test: operator === '=~' ? (other) => regex.test(other) : (other) => !regex.test(other),
  };
}

function compileValue(name: string, operator: Operator, value: string): Regex {
  try {
    return compileRegex(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${formatMatcher({ name, operator, value })}: ${reason}`, { cause: error });
  }
}

export function matchesAll(matchers: readonly Matcher[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((matcher) => matcher.test(valueOf(labels, matcher.name) ?? ''));
}

export function formatMatcher({ name, operator, value }: Pick<Matcher, 'name' | 'operator' | 'value'>): string {
  return `${name}${operator}${JSON.stringify(value)}`;
}
