/** Whether a character, by its code point, is one of those meant. */
export type Accepts = (code: number) => boolean;

export type Node =
  | { readonly type: 'one'; readonly accepts: Accepts }
  | { readonly type: 'sequence'; readonly of: readonly Node[] }
  | { readonly type: 'choice'; readonly of: readonly Node[] }
  | { readonly type: 'repeat'; readonly of: Node; readonly min: number; readonly max: number }
  | { readonly type: 'start' }
  | { readonly type: 'end' };

const MAX_REPEAT = 1000;

const between = (low: string, high: string): Accepts => {
  const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)];
  return (code) => code >= from && code <= to;
};
const digit = between('0', '9');
const lower = between('a', 'z');
const upper = between('A', 'Z');
const word: Accepts = (code) => digit(code) || lower(code) || upper(code) || code === 95;
const space: Accepts = (code) => code === 32 || code === 9 || code === 10 || code === 12 || code === 13;
const not =
  (accepts: Accepts): Accepts =>
  (code) =>
    !accepts(code);

const CLASSES: Readonly<Record<string, Accepts>> = {
  d: digit,
  D: not(digit),
  w: word,
  W: not(word),
  s: space,
  S: not(space),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 };
const POSIX: Readonly<Record<string, Accepts>> = {
  digit,
  lower,
  upper,
  space,
  word,
  alpha: (code) => lower(code) || upper(code),
  alnum: (code) => digit(code) || lower(code) || upper(code),
  xdigit: (code) => digit(code) || between('a', 'f')(code) || between('A', 'F')(code),
  punct: (code) => code > 32 && code < 127 && !digit(code) && !lower(code) && !upper(code),
};

/** Reads a pattern of RE2's syntax. @throws {Error} saying in a sentence what is not understood. */
export function parseRegex(pattern: string): Node {
  return new Parser(pattern).parse();
}

/** Recursive descent over code points; one object lives for one pattern. */
class Parser {
  private readonly characters: readonly string[];
  private at = 0;
  private depth = 0;
  private ignoreCase = false;

  constructor(pattern: string) {
    this.characters = [...pattern];
    if (this.characters.length > 1000) throw new Error('the expression is longer than 1,000 characters');
  }

  parse(): Node {
    const node = this.choice();
    if (this.at < this.characters.length) throw new Error('a ")" has no "("');
    return node;
  }

  private peek(): string | undefined {
    return this.characters[this.at];
  }

  private take(): string {
    const character = this.characters[this.at++];
    if (character === undefined) throw new Error('the expression ends too early');
    return character;
  }

  private skip(text: string): boolean {
    if (this.characters.slice(this.at, this.at + text.length).join('') !== text) return false;
    this.at += text.length;
    return true;
  }

  private choice(): Node {
    if (++this.depth > 100) throw new Error('the expression is nested too deeply');
    const of = [this.sequence()];
    while (this.skip('|')) of.push(this.sequence());
    this.depth--;
    return of.length === 1 && of[0] ? of[0] : { type: 'choice', of };
  }

  private sequence(): Node {
    const of: Node[] = [];
    for (let next = this.peek(); next !== undefined && next !== '|' && next !== ')'; next = this.peek())
      of.push(this.repeated());
    return { type: 'sequence', of };
  }

  private repeated(): Node {
    const node = this.atom();
    const [min, max] = this.quantifier() ?? [1, 1];
    if (min === 1 && max === 1) return node;
    this.skip('?'); // lazy or not, the answer is the same when the whole text must match
    if (/^[*+?]$/.test(this.peek() ?? '')) throw new Error('two quantifiers follow each other');
    return { type: 'repeat', of: node, min, max };
  }

  private quantifier(): readonly [number, number] | undefined {
    if (this.skip('*')) return [0, Infinity];
    if (this.skip('+')) return [1, Infinity];
    if (this.skip('?')) return [0, 1];
    const match = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.characters.slice(this.at, this.at + 12).join(''));
    if (!match) return undefined;
    this.at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === undefined ? Infinity : Number(match[3]);
    if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT) || max < min)
      throw new Error(`${match[0]} is not a possible repeat`);
    return [min, max];
  }

  private atom(): Node {
    const character = this.take();
    if (character === '(') return this.group();
    if (character === '[') return { type: 'one', accepts: this.set() };
    // As in Prometheus, a dot is any character, a newline too.
    if (character === '.') return { type: 'one', accepts: () => true };
    if (character === '^') return { type: 'start' };
    if (character === '$') return { type: 'end' };
    if (character === '\\') return this.escaped();
    if (/^[*+?]$/.test(character)) throw new Error(`"${character}" has nothing to repeat`);
    return { type: 'one', accepts: this.literal(character) };
  }

  private literal(character: string): Accepts {
    const code = character.codePointAt(0) ?? 0;
    if (!this.ignoreCase) return (other) => other === code;
    const [low, high] = [character.toLowerCase().codePointAt(0), character.toUpperCase().codePointAt(0)];
    return (other) => other === low || other === high;
  }

  private group(): Node {
    const before = this.ignoreCase;
    if (this.skip('?')) {
      if (/^[=!]$/.test(this.peek() ?? '') || this.skip('<=') || this.skip('<!'))
        throw new Error('lookaround is not possible here, as in Alertmanager');
      if (this.skip('P<') || this.skip('<')) while (this.take() !== '>');
      else if (this.flags() === 'rest') return { type: 'sequence', of: [] };
    }
    const node = this.choice();
    if (!this.skip(')')) throw new Error('a "(" is not closed');
    this.ignoreCase = before;
    return node;
  }

  /** `(?i:…)` and `(?:…)` are groups; `(?i)` is for the rest of the group around it. */
  private flags(): 'group' | 'rest' {
    let on = true;
    for (;;) {
      const flag = this.take();
      if (flag === ':') return 'group';
      if (flag === ')') return 'rest';
      if (flag === '-') on = false;
      else if (flag === 'i') this.ignoreCase = on;
      else if (flag !== 's' && flag !== 'U') throw new Error(`the flag "${flag}" is not known`);
    }
  }

  private escaped(): Node {
    const next = this.peek() ?? '';
    if (/^[1-9]$/.test(next)) throw new Error('back references are not possible here, as in Alertmanager');
    if (this.skip('A')) return { type: 'start' };
    if (this.skip('z')) return { type: 'end' };
    const known = CLASSES[next];
    if (known) {
      this.at++;
      return { type: 'one', accepts: known };
    }
    return { type: 'one', accepts: this.literal(this.escapedCharacter()) };
  }

  private escapedCharacter(): string {
    const character = this.take();
    if (character === 'x') {
      const braces = this.skip('{');
      let hex = '';
      while (/^[0-9a-fA-F]$/.test(this.peek() ?? '') && hex.length < (braces ? 6 : 2)) hex += this.take();
      const code = Number.parseInt(hex, 16);
      if (!(code <= 0x10ffff) || (braces && !this.skip('}')))
        throw new Error('"\\x" is not followed by a character number');
      return String.fromCodePoint(code);
    }
    const control = CONTROLS[character];
    if (control !== undefined) return String.fromCharCode(control);
    if (/^[a-zA-Z0-9]$/.test(character)) throw new Error(`"\\${character}" is not known here`);
    return character;
  }

  private set(): Accepts {
    const negated = this.skip('^');
    const parts: Accepts[] = [];
    for (let first = true; first || this.peek() !== ']'; first = false) parts.push(this.setPart());
    this.at++;
    const accepts: Accepts = (code) => parts.some((part) => part(code));
    return negated ? not(accepts) : accepts;
  }

  private setPart(): Accepts {
    if (this.skip('[:')) {
      const negated = this.skip('^');
      let name = '';
      while (!this.skip(':]')) name += this.take();
      const found = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined;
      if (!found) throw new Error(`the class [:${name}:] is not known`);
      return negated ? not(found) : found;
    }
    const low = this.take();
    if (low === '\\') {
      const known = CLASSES[this.peek() ?? ''];
      if (known) {
        this.at++;
        return known;
      }
    }
    const from = low === '\\' ? this.escapedCharacter() : low;
    const ranged =
      this.peek() === '-' && this.characters[this.at + 1] !== ']' && this.characters[this.at + 1] !== undefined;
    if (!ranged) return this.literal(from);
    this.at++;
    const high = this.take();
    return this.range(from, high === '\\' ? this.escapedCharacter() : high);
  }

  private range(from: string, to: string): Accepts {
    const [low, high] = [from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0];
    if (high < low) throw new Error(`the range ${from}-${to} is the wrong way round`);
    const plain: Accepts = (code) => code >= low && code <= high;
    if (!this.ignoreCase) return plain;
    return (code) => {
      const character = String.fromCodePoint(code);
      return plain(character.toLowerCase().codePointAt(0) ?? 0) || plain(character.toUpperCase().codePointAt(0) ?? 0);
    };
  }
}
