import { mask } from './mask.ts';

/** An expected failure of a command; its message is shown to the user unchanged. */
export class CommandError extends Error {
  readonly code = 'WB_COMMAND';
}

/** Thrown by a task that was cancelled in time: it had no effect. */
export class NothingDone extends Error {
  readonly code = 'WB_NOTHING_DONE';
}

/** The configuration cannot be used; `problems` are lines for people, each with position and remedy. */
export class ConfigInvalid extends Error {
  readonly code = 'WB_CONFIG_INVALID';
  readonly problems: readonly string[];
  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join('\n'), { cause });
    this.problems = problems;
  }
}

/** The program cannot start; the message names the thing and the remedy. Exit status 2 of the CLI. */
export class StartFailed extends Error {
  readonly code = 'WB_START_FAILED';
}

/** The `code` of any thrown value, or undefined; `instanceof` fails across realms. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of any thrown value, with secrets masked. */
export function messageOf(error: unknown): string {
  return mask(textOf(error));
}

/** Why a platform rejected a request: the error's `reason`, else its message; with secrets masked. */
export function reasonOf(error: unknown): string {
  const named = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
  return typeof named === 'string' ? mask(named) : messageOf(error);
}

function textOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    // Node's AggregateError (a refused connection on two addresses) has an empty message.
    if (error.message === '' && 'errors' in error && Array.isArray(error.errors))
      return error.errors.map(textOf).join('; ');
    return error.message;
  }
  return String(error);
}

/** `messageOf` with a full stop, to be followed by another sentence. */
export function sentenceOf(error: unknown): string {
  return messageOf(error).replace(/(?<![.!?])$/, '.');
}
