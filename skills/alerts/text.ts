// Text from outside, made safe and short, and templates that are filled with labels.
import { cut } from '#skill';

/** Control characters except tab and newline, and those that change the writing direction, which can forge a title. */
// oxlint-disable-next-line no-control-regex -- these are the characters to remove
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Makes text from outside storable and readable: no NUL, no lone surrogates (Postgres rejects both), at most `max` characters. */
export function clean(text: string, max: number): string {
  // Cut first, so that a label of 100 kB is not scanned.
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
    .toWellFormed()
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= max
    ? line
    : `${line
        .slice(0, max - 1)
        .replace(/[\ud800-\udbff]$/, '')
        .trimEnd()}…`;
}

/** At most `max` characters in at most `maxLines` lines, never more than one empty line in a row. */
export function fewLines(text: string, max: number, maxLines: number): string {
  const kept = text.slice(0, max).split('\n', max);
  const lines = kept.map((line) => line.trimEnd()).filter((line, at, all) => line !== '' || all[at - 1] !== '');
  const shown = lines.slice(0, maxLines).join('\n').trim();
  return text.length <= max && lines.length <= maxLines ? shown : `${shown.replace(/[\ud800-\udbff]$/, '')}…`;
}

/** `1 alert`, `2 alerts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `#1 #2 #3`; after ten, `and 5 more`. */
export function numbersText(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).map((number) => `#${number}`);
  return numbers.length > 10 ? `${shown.join(' ')} and ${numbers.length - 10} more` : shown.join(' ');
}

/** 2 to `2nd`. */
export function ordinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number}${suffix}`;
}

const PLACEHOLDER = /\{([^{}]+)\}/g;
/** Longer than any line that is shown. */
const MAX_FILLED = 300;

/**
 * Fills `{label}` in a template with at most `max` characters of each label. A missing label leaves no stray separators:
 * `{cluster}/{namespace}` is `prod-eu` without a namespace. Labels are cut first and never searched, since they may be long.
 */
export function fill(template: string, labels: Readonly<Record<string, string>>, max = MAX_FILLED): string {
  let text = '';
  let between = '';
  // Every second piece is the name of a label.
  for (const [at, piece] of template.split(PLACEHOLDER).entries()) {
    if (at % 2 === 0) {
      between += text === '' && between === '' && at > 0 ? piece.replace(/^[/:·,|\-\s]+/, '') : piece;
      continue;
    }
    const value = valueOf(labels, piece) ?? '';
    if (value === '') between = between.replace(/[/:·,|\-\s]+$/, '');
    else {
      text += between + value.slice(0, max);
      between = '';
    }
  }
  return cut((text + between).trim(), max);
}

/** Longer addresses are not linked. */
const MAX_URL = 2000;

/**
 * Fills `{label}` percent-encoded. Undefined when a label is missing, since half an address leads nowhere, or when a label would
 * become a segment `.` or `..`, which leads elsewhere.
 */
export function fillUrl(template: string, labels: Readonly<Record<string, string>>): string | undefined {
  let complete = true;
  const url = template.replace(PLACEHOLDER, (_, name: string) => {
    const value = valueOf(labels, name);
    if (!value || value.length > MAX_URL) complete = false;
    return complete ? encodeURIComponent((value ?? '').toWellFormed()) : '';
  });
  if (!complete || dotSegments(url) > dotSegments(template)) return undefined;
  return webAddress(url);
}

function dotSegments(url: string): number {
  const [path = ''] = /^[^?#]*/.exec(url) ?? [];
  return path.split(/[/\\]/).filter((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)).length;
}

/** Why this is no valid template of a link; undefined: it is valid. Labels may be in the path and query, never in the host. */
export function linkProblem(template: string): string | undefined {
  const [, host] = /^https?:\/\/([^/?#\\]*)/i.exec(template) ?? [];
  if (host?.includes('{'))
    return `"${template}" has a label in its host: write the host out, and use {labels} only after it`;
  if (host === undefined || webAddress(template.replace(PLACEHOLDER, 'x')) === undefined)
    return `"${template}" is not an address like https://grafana.example.org/explore?ns={namespace}`;
  return undefined;
}

/** The normalised address when it is http or https and not too long, else undefined. */
export function webAddress(text: string | undefined): string | undefined {
  const url = text && text.length <= MAX_URL ? URL.parse(text) : null;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url.href : undefined;
}

/** A label's value; never a property inherited from Object. */
export function valueOf(labels: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
