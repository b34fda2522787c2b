const REDACTED = '[redacted]';
/** Shorter ones would blank out words; `doctor` warns of tokens below 16 characters. */
const SHORTEST = 8;
const MAX_REMEMBERED = 1000;

/** Oldest first; each with the forms in which it may be quoted. */
const known = new Map<string, readonly string[]>();
let pattern: RegExp | undefined;

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
  for (const oldest of known.keys()) {
    if (known.size <= MAX_REMEMBERED) break;
    known.delete(oldest);
  }
  pattern = undefined;
}

/** For tests. */
export function forgetSecrets(): void {
  known.clear();
  pattern = undefined;
}

/** Takes the secrets out of a text of another program: those that were read, and what looks like one. */
export function mask(text: string): string {
  if (known.size > 0) {
    pattern ??= patternOf([...known.values()].flat());
    text = text.replace(pattern, REDACTED);
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

/** The longest first: a form may begin with another. */
function patternOf(forms: string[]): RegExp {
  return new RegExp(
    forms
      .sort((one, other) => other.length - one.length)
      .map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
      .join('|'),
    'g',
  );
}
