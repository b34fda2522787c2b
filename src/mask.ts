const REDACTED = '[redacted]';
/** Shorter ones would blank out words; `doctor` warns of tokens below 16 characters. */
const SHORTEST = 8;
const MAX_REMEMBERED = 1000;
/** Of all their forms. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
/** Forms in one pattern, and how long one may be: V8 compiles no pattern of some megabytes. Others are looked for one by one. */
const PATTERN_CHARACTERS = 128 * 1024;
const PATTERN_LONGEST = 1024;

/** Oldest first; each with the forms in which it may be quoted. */
const known = new Map<string, readonly string[]>();
let characters = 0;
let finder: Finder | undefined;

/**
 * From now on `mask` replaces this value. One list for the whole process, and not one handed from place to place: an
 * error of a library may come out anywhere, and a place that was forgotten would be the one that leaks.
 */
export function rememberSecret(value: string): void {
  const before = known.get(value);
  const forms = before ?? formsOf(value);
  if (forms.length === 0) return;
  known.delete(value); // read again: among the newest
  known.set(value, forms);
  if (before) return;
  characters += lengthOf(forms);
  for (const [oldest, its] of known) {
    if (known.size === 1 || (known.size <= MAX_REMEMBERED && characters <= MAX_CHARACTERS)) break;
    known.delete(oldest);
    characters -= lengthOf(its);
  }
  finder = undefined;
}

/** For tests. */
export function forgetSecrets(): void {
  known.clear();
  characters = 0;
  finder = undefined;
}

function lengthOf(forms: readonly string[]): number {
  return forms.reduce((sum, form) => sum + form.length, 0);
}

/** Takes the secrets out of a text of another program: those that were read, and what looks like one. */
export function mask(text: string): string {
  if (known.size > 0) {
    finder ??= finderOf([...known.values()].flat());
    for (const form of finder.large) if (form.length <= text.length) text = text.replaceAll(form, REDACTED);
    text = text.replace(finder.pattern, REDACTED);
  }
  // PASSWORD is how our own sentences write an address. A quote or a backslash ends each of these, so that a line of JSON stays one.
  return text
    .replace(/(:\/\/[^\s:/@"'\\]*:)(?!PASSWORD@)[^\s@/"'\\]+@/g, `$1${REDACTED}@`)
    .replace(/([?&](?:access_token|token|key)=)[^\s&#"'\\]+/gi, `$1${REDACTED}`)
    .replace(/\b(Bearer|Basic) [\w.~+/=-]{16,}/gi, `$1 ${REDACTED}`);
}

function formsOf(value: string): string[] {
  const parts = [value, ...value.split(/[\r\n]+/), ...passwordIn(value)];
  const forms = parts.flatMap((part) => [part, encoded(part), JSON.stringify(part).slice(1, -1)]);
  return [...new Set(forms)].filter((form) => form.trim().length >= SHORTEST);
}

function passwordIn(value: string): string[] {
  const password = URL.parse(value)?.password ?? '';
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** Half of a character pair has no encoding. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

interface Finder {
  readonly large: readonly string[];
  readonly pattern: RegExp;
}

/** The longest first: a form may begin with another. */
function finderOf(forms: readonly string[]): Finder {
  const small: string[] = [];
  const large: string[] = [];
  let left = PATTERN_CHARACTERS;
  for (const form of forms.toSorted((one, other) => one.length - other.length)) {
    left -= form.length;
    (form.length <= PATTERN_LONGEST && left >= 0 ? small : large).unshift(form);
  }
  const parts = small.map((form) => RegExp.escape(form));
  // Without any it finds nothing, not everything.
  return { large, pattern: new RegExp(parts.length > 0 ? parts.join('|') : '(?!)', 'g') };
}
