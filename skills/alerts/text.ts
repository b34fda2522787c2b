/** Control characters but tab and newline, and those that turn the writing direction round: they forge what a title says. */
// oxlint-disable-next-line no-control-regex -- these are what has to go
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Makes text from outside storable and readable: no NUL, no lone surrogates (Postgres takes neither), at most `max` characters. */
export function clean(text: string, max: number): string {
  // Cut first: a label of 100 kB is not worth looking through.
  const kept = text
    .slice(0, max * 2)
    .replace(INVISIBLE, '')
    .toWellFormed();
  if (kept.length <= max && text.length <= max * 2) return kept;
  return `${kept.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** One line of at most `max` characters; runs of white space become one space. */
export function oneLine(text: string, max: number): string {
  const line = text
    .slice(0, max * 4)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= max
    ? line
    : `${line
        .slice(0, max - 1)
        .replace(/[\ud800-\udbff]$/, '')
        .trimEnd()}…`;
}

/** `1 alert`, `2 alerts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** 2 to `2nd`. */
export function ordinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${suffix}`;
}

const PLACEHOLDER = /\{([^{}]+)\}/g;

/** Fills `{label}` in a template; what is missing leaves no stray separators: `{cluster}/{namespace}` is `prod-eu` without a namespace. */
export function fill(template: string, labels: Readonly<Record<string, string>>): string {
  const gap = '\u0000';
  return template
    .replace(PLACEHOLDER, (_, name: string) => valueOf(labels, name) || gap)
    .replace(/[/:·,|\-\s]*\u0000(?:[/:·,|\-\s]*\u0000)*/g, gap)
    .replace(/^\u0000[/:·,|\-\s]*/, '')
    .replaceAll(gap, '')
    .trim();
}

/** Fills `{label}` percent-encoded; undefined when a label is missing, since half an address leads nowhere. */
export function fillUrl(template: string, labels: Readonly<Record<string, string>>): string | undefined {
  let complete = true;
  const url = template.replace(PLACEHOLDER, (_, name: string) => {
    const value = valueOf(labels, name);
    if (!value) complete = false;
    return encodeURIComponent((value ?? '').toWellFormed());
  });
  return complete ? webAddress(url) : undefined;
}

/** The address when it is http or https and of sane length, else undefined. */
export function webAddress(text: string | undefined): string | undefined {
  const url = text && text.length <= 2000 ? URL.parse(text) : null;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.href : undefined;
}

/** A label's value; never something inherited from Object. */
export function valueOf(labels: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
