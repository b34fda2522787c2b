import { RE2JS, RE2JSSyntaxException } from 're2js';
import { estimateInstructions } from './regex-size.ts';

/**
 * A regular expression in RE2's syntax, as in Alertmanager. RE2 never backtracks: in JavaScript's own engine `(a+)+b`
 * would hang the program on a hostile label.
 */
export interface Regex {
  /** Whether the complete text matches: both ends are anchored, as in Alertmanager. */
  test(text: string): boolean;
}

const MAX_CHARACTERS = 1000;
/** Repeats are unrolled, so 1,000 characters can compile to a million instructions, in seconds and 200 MB. */
const MAX_INSTRUCTIONS = 10_000;
/** Above this estimate, which for usual patterns is at most about twice the actual number, nothing is compiled. */
const MAX_ESTIMATED = 2 * MAX_INSTRUCTIONS;
const TOO_LARGE = 'the regular expression is too large: shorten the repeated part or lower its repeat count';

/** @throws {Error} with a message that says what is wrong with the pattern. */
export function compileRegex(pattern: string): Regex {
  if (pattern.length > MAX_CHARACTERS) throw new Error('the regular expression is longer than 1,000 characters');
  if (estimateInstructions(pattern) > MAX_ESTIMATED) throw new Error(TOO_LARGE);
  const regex = compile(pattern);
  if (regex.programSize() > MAX_INSTRUCTIONS) throw new Error(TOO_LARGE);
  return { test: (text) => regex.matches(text) };
}

function compile(pattern: string): RE2JS {
  try {
    // As in Prometheus, a dot matches a newline too; in Alertmanager it does not.
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    throw new Error(`invalid regular expression: ${reasonOf(error, pattern)}`, { cause: error });
  }
}

/** RE2's own message, unless it does not name the feature or the limit. */
function reasonOf(error: RE2JSSyntaxException, pattern: string): string {
  const description = error.getDescription();
  const part = error.getPattern()?.replace(/^\(\?s\)/, '') ?? '';
  if (/^\(\?<?[=!]/.test(part)) return `lookaround is not supported, as in Alertmanager: ${part}`;
  if (/^\\[1-9]$/.test(part)) return `back references are not supported, as in Alertmanager: ${part}`;
  if (description === 'invalid repeat count')
    return `invalid repeat count (at most 1,000, nested repeats multiplied): ${part}`;
  return part === '' || part === pattern ? description : `${description}: ${part}`;
}
