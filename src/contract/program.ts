import type { RoomAddress } from '../chat/message.ts';
import type { People } from './people.ts';
import type { SecretRef } from './secret.ts';
import type { Json, Sql } from './sql.ts';

/**
 * A command of the program, by its usage: `pair <room>`, `import coffeebot <file>`. It runs in a process of its own, beside
 * the bot or without one; `run` imports what it needs when it is called.
 */
export interface ProgramCommand<Options = unknown> {
  readonly help: string;
  readonly flags?: readonly ProgramFlag[];
  /** Resolves to the exit status: 0 it worked, 1 it did not. @throws {StartFailed} it could not begin: 2. */
  readonly run: (program: Program<Options>) => Promise<number>;
}

export interface ProgramFlag {
  /** `--dry-run`, `--url <address>`; `--dry-run` is `flags['dryRun']`. */
  readonly flags: string;
  readonly help: string;
  readonly default?: string;
  readonly choices?: readonly string[];
}

export interface Program<Options = unknown> {
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  print(line: string): void;
  /** The skill's options; of the last good configuration where the file has a problem. Undefined: it is off. */
  options(): Promise<Options | undefined>;
  secret(reference: SecretRef): Promise<string>;
  /** Works at the bot's database, with the last good configuration where the file has a problem. */
  atDatabase<T>(work: (database: ProgramDatabase<Options>) => Promise<T>): Promise<T>;
  /** The same for what is to prove the configuration as it stands: one with a problem is refused. */
  proving<T>(work: (database: ProgramDatabase<Options>) => Promise<T>): Promise<T>;
}

export interface ProgramDatabase<Options = unknown> {
  readonly options: Options | undefined;
  readonly people: People;
  /** Reads whatever there is; writes the skill's own tables. */
  readonly sql: Sql;
  /** An event to this skill, which the running bot handles; the same `id` is one event. */
  emit(name: string, payload: Json, id: string): Promise<void>;
  /** What somebody in that room would say to the bot. */
  say(room: RoomAddress, text: string): Promise<void>;
  /**
   * Waits until every replica that lives has this configuration; resolves to their number. What it waits for is told once.
   * @throws {StartFailed} when the time is up, saying what was missing.
   */
  untilConfigured(
    patience: { readonly timeoutMs: number; readonly everyMs: number },
    onWait: (line: string) => void,
  ): Promise<number>;
}
