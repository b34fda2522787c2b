import type { MessageLike } from '../chat/message.ts';
import type { CommandClass, Visibility } from './actor.ts';
import type { CommandContext } from './context.ts';

/**
 * A command's pattern is words and arguments: `count to {n:int}`, `rooms`, `hello {name?}`.
 *
 * - `{name}` one word; `{name...}` the rest of the line; `?` makes it optional: `{name?}`, `{note...?}`.
 * - types: `{n:int}`, `{for:duration}` (to ms), `{target:room}`, `{ids:ids}` (`12`, `#12.`, `12 13`, also glued: `ack12`),
 *   `{size:small|large}`.
 * - `[for {for:duration}]` an optional group: taken as a whole or not at all.
 * Words match whatever their case; the longest literal beginning wins.
 */
export type Pattern = string;

export interface Command<Options = unknown> {
  /** One line, lower case, no full stop: what it does. */
  readonly help: string;
  /** Default `read`. */
  readonly class?: CommandClass;
  /** Other patterns that are the same command. */
  readonly also?: readonly Pattern[];
  /** After a gap: run it however late, or ask the sender to say it again. Default `ask`. */
  readonly late?: 'run' | 'ask';
  /** Left out of `help`. */
  readonly hidden?: boolean;
  /** What it is about, for access rules (`on: ['job:site/*']`): `job:site/deploy`. Pure; undefined: nothing by name. */
  readonly resource?: (args: CommandArgs, options: Options) => string | undefined;
  /** Who sees its answers, refusals too. Default `everyone`. */
  readonly visibility?: Visibility;
  readonly run: (context: CommandContext<Options, CommandArgs>) => Handled | Promise<Handled>;
}

export type Commands<Options = unknown> = Readonly<Record<Pattern, Command<Options>>>;

/** Arguments by name; a type declares what they are: string, number (int; duration in ms), string[] (ids), Room. */
// oxlint-disable-next-line typescript/no-explicit-any -- the pattern decides at run time; each skill narrows at its use
export type CommandArgs = Record<string, any>;

// oxlint-disable-next-line typescript/no-invalid-void-type -- a handler may return nothing
export type Handled = MessageLike | undefined | void;
