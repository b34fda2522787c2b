import { mask } from './mask.ts';

/** An expected failure of a command; its text is shown to the asker as it is. */
export class CommandError extends Error {
  readonly code = 'WB_COMMAND';
}

/** Thrown by a task that was cancelled in time: nothing of it has happened. */
export class NothingDone extends Error {
  readonly code = 'WB_NOTHING_DONE';
}

/** The configuration cannot be used; `problems` are lines for people, each with place and remedy. */
export class ConfigInvalid extends Error {
  readonly code = 'WB_CONFIG_INVALID';
  readonly problems: readonly string[];
  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join('\n'), { cause });
    this.problems = problems;
  }
}

/** The program cannot start; the message names the thing and the remedy. Exit status 2 of the command line. */
export class StartFailed extends Error {
  readonly code = 'WB_START_FAILED';
}

/** The `code` of any thrown value, or undefined; `instanceof` fails across realms. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A readable sentence of any thrown value, without the secrets that its author may have quoted. */
export function messageOf(error: unknown): string {
  return mask(textOf(error));
}

/** Why a platform refuses: the `reason` that such an error carries for people, else its message; masked like that. */
export function reasonOf(error: unknown): string {
  const named = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
  return typeof named === 'string' ? mask(named) : messageOf(error);
}

function textOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    // Node's AggregateError (a refused connection on two addresses) has an empty message of its own.
    if (error.message === '' && 'errors' in error && Array.isArray(error.errors))
      return error.errors.map(textOf).join('; ');
    return error.message;
  }
  return String(error);
}

/** The same with its full stop, where another sentence follows. */
export function sentenceOf(error: unknown): string {
  return messageOf(error).replace(/(?<![.!?])$/, '.');
}
