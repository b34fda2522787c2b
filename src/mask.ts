const REDACTED = '[redacted]';
/** Shorter ones would match words; `doctor` reports tokens below 16 characters. */
const MIN_LENGTH = 8;
const MAX_REMEMBERED = 1000;
/** Total of all forms. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
/** Maximum size of the pattern, and of one form in it: V8 cannot compile patterns of megabytes. Other forms are replaced one by one. */
const PATTERN_CHARACTERS = 128 * 1024;
const PATTERN_LONGEST = 1024;

/** Oldest first; each with the forms in which it may appear. */
const known = new Map<string, readonly string[]>();
let characters = 0;
let finder: Finder | undefined;

/**
 * From now on `mask` replaces this value. There is one list for the process, instead of one that is passed around: an
 * error of a library may surface anywhere, and a place that was forgotten would leak.
 */
export function rememberSecret(value: string): void {
  const before = known.get(value);
  const forms = before ?? formsOf(value);
  if (forms.length === 0) return;
  known.delete(value); // it becomes the newest
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

/** Redacts secrets in a text: known ones, and text that looks like one. */
export function mask(text: string): string {
  if (known.size > 0) {
    finder ??= finderOf([...known.values()].flat());
    for (const form of finder.large) if (form.length <= text.length) text = text.replaceAll(form, REDACTED);
    text = text.replace(finder.pattern, REDACTED);
  }
  // PASSWORD is the placeholder in our own messages. A quote or a backslash ends each match, so that JSON stays valid.
  return text
    .replace(/(:\/\/[^\s:/@"'\\]*:)(?!PASSWORD@)[^\s@/"'\\]+@/g, `$1${REDACTED}@`)
    .replace(/([?&](?:access_token|token|key)=)[^\s&#"'\\]+/gi, `$1${REDACTED}`)
    .replace(/\b(Bearer|Basic) [\w.~+/=-]{16,}/gi, `$1 ${REDACTED}`);
}

function formsOf(value: string): string[] {
  const parts = [value, ...value.split(/[\r\n]+/), ...passwordIn(value)];
  const forms = parts.flatMap((part) => [part, encoded(part), JSON.stringify(part).slice(1, -1)]);
  return [...new Set(forms)].filter((form) => form.trim().length >= MIN_LENGTH);
}

function passwordIn(value: string): string[] {
  const password = URL.parse(value)?.password ?? '';
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** A lone surrogate cannot be encoded. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

interface Finder {
  readonly large: readonly string[];
  readonly pattern: RegExp;
}

/** Longest first, because a form may start with another one. */
function finderOf(forms: readonly string[]): Finder {
  const small: string[] = [];
  const large: string[] = [];
  let left = PATTERN_CHARACTERS;
  for (const form of forms.toSorted((one, other) => one.length - other.length)) {
    left -= form.length;
    (form.length <= PATTERN_LONGEST && left >= 0 ? small : large).unshift(form);
  }
  const parts = small.map((form) => RegExp.escape(form));
  // Without forms it must match nothing, not everything.
  return { large, pattern: new RegExp(parts.length > 0 ? parts.join('|') : '(?!)', 'g') };
}
