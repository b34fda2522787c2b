import type { MessageLike } from '../chat/message.ts';
import type { CommandClass, Visibility } from './actor.ts';
import type { CommandContext } from './context.ts';

/**
 * A command's pattern: words and arguments, such as `count to {n:int}`, `rooms`, `hello {name?}`.
 *
 * - `{name}` is one word, `{name...}` the rest of the line; `?` makes either optional: `{name?}`, `{note...?}`.
 * - Types: `{n:int}`, `{for:duration}` (parsed to ms), `{target:room}`, `{ids:ids}` (`12`, `#12.`, `12 13`, and `ack12`
 *   without a space), `{size:small|large}`.
 * - `[for {for:duration}]` is an optional group: it matches completely or not at all.
 * Words match in any case. Where several patterns match, the one with the longest literal prefix wins.
 */
export type Pattern = string;

export interface Command<Options = unknown> {
  /** One line, lower case, no full stop: what it does. */
  readonly help: string;
  /** Default `read`. */
  readonly class?: CommandClass;
  /** Aliases: further patterns for the same command. */
  readonly also?: readonly Pattern[];
  /** When the bot was offline and receives the command late: run it anyway, or ask the sender to repeat it. Default `ask`. */
  readonly late?: 'run' | 'ask';
  /** Not listed by `help`. */
  readonly hidden?: boolean;
  /** The resource that access rules match (`on: ['job:site/*']`), such as `job:site/deploy`; undefined when there is none. Pure. */
  readonly resource?: (args: CommandArgs, options: Options) => string | undefined;
  /** Who sees its answers, including "you may not". Default `everyone`. */
  readonly visibility?: Visibility;
  /** In a direct message, accounts that are not listed under `people:` may run it too, unless an access rule denies it. */
  readonly unlisted?: boolean;
  /**
   * Its arguments are secret: the audit keeps only its name. It is never run unaddressed, which commands are in threads of the
   * bot's messages.
   */
  readonly secret?: boolean;
  readonly run: (context: CommandContext<Options, CommandArgs>) => Handled | Promise<Handled>;
}

export type Commands<Options = unknown> = Readonly<Record<Pattern, Command<Options>>>;

/** Arguments by name, typed as the pattern declares: string, number (int; duration in ms), string[] (ids) or Room. */
// oxlint-disable-next-line typescript/no-explicit-any -- the pattern decides at run time; each skill narrows at its use
export type CommandArgs = Record<string, any>;

// oxlint-disable-next-line typescript/no-invalid-void-type -- a handler may return nothing
export type Handled = MessageLike | undefined | void;
