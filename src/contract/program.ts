import type { RoomAddress } from '../chat/message.ts';
import type { People } from './people.ts';
import type { SecretRef } from './secret.ts';
import type { Json, Sql } from './sql.ts';

/**
 * A command of the `watchbell` program, by its usage: `pair <room>`, `import coffeebot <file>`. It runs in its own process,
 * whether or not the bot is running; `run` imports what it needs when it is called.
 */
export interface ProgramCommand<Options = unknown> {
  readonly help: string;
  readonly flags?: readonly ProgramFlag[];
  /** Resolves to the exit status: 0 on success, 1 on failure. @throws {StartFailed} when it could not start: status 2. */
  readonly run: (program: Program<Options>) => Promise<number>;
}

export interface ProgramFlag {
  /** `--dry-run`, `--url <address>`; `run` reads `--dry-run` as `flags['dryRun']`. */
  readonly flags: string;
  readonly help: string;
  readonly default?: string;
  readonly choices?: readonly string[];
}

export interface Program<Options = unknown> {
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  print(line: string): void;
  /** The skill's options, from the last good configuration if the file has a problem. Undefined when the skill is off. */
  options(): Promise<Options | undefined>;
  secret(reference: SecretRef): Promise<string>;
  /** Runs `work` on the bot's database, with the last good configuration if the file has a problem. */
  withDatabase<T>(work: (database: ProgramDatabase<Options>) => Promise<T>): Promise<T>;
  /** As `withDatabase`, for work that tests the current configuration. @throws {StartFailed} when the file has a problem. */
  withValidConfig<T>(work: (database: ProgramDatabase<Options>) => Promise<T>): Promise<T>;
}

export interface ProgramDatabase<Options = unknown> {
  readonly options: Options | undefined;
  readonly people: People;
  /** Reads every table; writes the skill's own. */
  readonly sql: Sql;
  /** Sends an event to this skill, which the running bot handles. Repeating an `id` has no effect. */
  emit(name: string, payload: Json, id: string): Promise<void>;
  /** Sends the bot a message, as if somebody had written it in that room. */
  say(room: RoomAddress, text: string): Promise<void>;
  /**
   * Waits until every live replica has loaded this configuration; resolves to their number. `onWait` gets one line about what
   * it is waiting for. @throws {StartFailed} after `timeoutMs`, naming what was missing.
   */
  untilConfigured(
    options: { readonly timeoutMs: number; readonly everyMs: number },
    onWait: (line: string) => void,
  ): Promise<number>;
}
