import { nearest } from '../config/nearest.ts';
import { commandsOf, type AnySkill } from '../config/skill-options.ts';
import type { Command } from '../contract/command.ts';
import { StartFailed } from '../errors.ts';
import {
  compilePattern,
  matchPattern,
  roomArguments,
  splitWords,
  type CompiledPattern,
  type Mismatch,
} from './pattern.ts';

export interface IndexedCommand {
  readonly skill: string;
  /** The literal words of the main pattern: `ack`, `job run`. The name in access rules, metrics and the audit. */
  readonly name: string;
  readonly pattern: string;
  readonly command: Command<unknown>;
}

/** A pattern in the form shown to people: `ack [ID…] [for 2h] [note]`. */
export function readable(entry: IndexedCommand): string {
  return entry.pattern
    .replace(/\{\w+:ids\?\}/g, '[ID…]')
    .replace(/\{\w+:ids\}/g, 'ID…')
    .replace(/\{\w+:duration\}/g, '2h')
    .replace(/\[\{(\w+)[^}]*\}\]/g, '[$1]')
    .replace(/\{(\w+)(?:\.\.\.)?\?\}/g, '[$1]')
    .replace(/\{(\w+):(?:\w+)\?\}/g, '[$1]')
    .replace(/\{(\w+)[^}]*\}/g, (_, name: string) => name.toUpperCase());
}

export type Lookup =
  | {
      readonly found: 'command';
      readonly entry: IndexedCommand;
      readonly args: Record<string, unknown>;
      readonly rooms: readonly string[];
      /** Free text follows the command's words directly, so the line may be part of a conversation. */
      readonly isLoose: boolean;
    }
  /** It starts with a command's words, but the arguments do not match. `isSlip`: a number was mistyped. */
  | {
      readonly found: 'misfit';
      readonly entry: IndexedCommand;
      readonly mismatch: Mismatch | undefined;
      readonly isSlip: boolean;
    }
  | { readonly found: 'nothing' };

interface Entry {
  readonly pattern: CompiledPattern;
  /** Arguments that name rooms. */
  readonly rooms: readonly string[];
  readonly command: IndexedCommand;
}

const ID_WITHOUT_SPACE = /^([a-z]+)(#?\d[\d,]*)$/i;
/** A longer line is pasted text, not a command. */
const MAX_TEXT = 4000;

/**
 * Finds the command in a line. Looks up the literal words that the line starts with, longest prefix first, so that the cost does
 * not grow with the number of commands.
 */
export class CommandIndex {
  readonly #byPrefix = new Map<string, Entry[]>();
  readonly #all: IndexedCommand[] = [];
  #longest = 0;

  /**
   * `options` are by skill; a skill that derives its commands from options, and has none, has no commands.
   * @throws {StartFailed} naming both skills, when two claim the same words.
   */
  constructor(skills: readonly Pick<AnySkill, 'name' | 'commands'>[], options: Readonly<Record<string, unknown>> = {}) {
    for (const skill of skills) {
      for (const [source, command] of Object.entries(commandsOf(skill, options[skill.name]))) {
        const main = compilePattern(source);
        const indexed = { skill: skill.name, name: main.prefix.join(' '), pattern: source, command };
        this.#all.push(indexed);
        for (const pattern of [main, ...(command.also ?? []).map(compilePattern)])
          this.#add({ pattern, rooms: roomArguments(pattern.items), command: indexed });
      }
    }
  }

  #add(entry: Entry): void {
    const key = entry.pattern.prefix.join(' ');
    const existing = this.#byPrefix.get(key) ?? [];
    const other = existing.find(
      (one) => one.command.skill !== entry.command.skill || shape(one.pattern) === shape(entry.pattern),
    );
    if (other)
      throw new StartFailed(
        `the skills "${other.command.skill}" and "${entry.command.skill}" both claim the command "${key}" (${other.pattern.source} / ${entry.pattern.source}); remove one of them, or rename its command`,
      );
    existing.push(entry);
    this.#byPrefix.set(key, existing);
    this.#longest = Math.max(this.#longest, entry.pattern.prefix.length);
  }

  get all(): readonly IndexedCommand[] {
    return this.#all;
  }

  /** `text` is without prefix and mention. Pure. */
  find(text: string): Lookup {
    if (text.length > MAX_TEXT) return { found: 'nothing' };
    const words = splitWords(text);
    const direct = this.#lookup(words);
    if (direct.found === 'command') return direct;
    // `ack12`: an id without a space, tried only if the text as it is is not a command.
    const joined = ID_WITHOUT_SPACE.exec(words.words[0] ?? '');
    if (!joined?.[1] || !joined[2]) return direct;
    const separated = this.#lookup(splitWords(`${joined[1]} ${joined[2]} ${words.rest(1)}`));
    return separated.found === 'nothing' ? direct : separated;
  }

  #lookup(words: ReturnType<typeof splitWords>): Lookup {
    const given = words.words.slice(0, this.#longest).map((word) => word.toLowerCase().replace(/[.,;:!?]+$/, ''));
    let mismatch: Lookup = { found: 'nothing' };
    let slip: { at: number; lookup: Lookup } | undefined;
    for (let length = given.length; length > 0; length--) {
      for (const entry of this.#byPrefix.get(given.slice(0, length).join(' ')) ?? []) {
        const result = matchPattern(entry.pattern, words);
        if (result.ok) {
          // `ack all ٣` must not become `ack` with the note "all ٣".
          if (slip && (result.restAt ?? Infinity) <= slip.at) return slip.lookup;
          const isLoose = result.restAt === length;
          return { found: 'command', entry: entry.command, args: result.args, rooms: entry.rooms, isLoose };
        }
        const isSlip = result.slipAt !== undefined;
        const lookup: Lookup = { found: 'misfit', entry: entry.command, mismatch: result.mismatch, isSlip };
        if (mismatch.found === 'nothing') mismatch = lookup;
        if (!slip && result.slipAt !== undefined) slip = { at: result.slipAt, lookup };
      }
    }
    return slip?.lookup ?? mismatch;
  }

  /** The command whose words are most similar to the first words of the text, or to all of a shorter text. */
  nearest(text: string, candidates: readonly IndexedCommand[]): IndexedCommand | undefined {
    const words = text.trim().slice(0, 100).split(/\s+/);
    for (let length = Math.min(words.length, this.#longest); length > 0; length--) {
      const named = candidates
        .map((entry) => ({ entry, name: entry.name.split(' ') }))
        .filter(({ name }) => name.length === length || (name.length > length && words.length === length))
        .map(({ entry, name }) => ({ entry, prefix: name.slice(0, length).join(' ') }));
      const found = nearest(
        words.slice(0, length).join(' '),
        named.map(({ prefix }) => prefix),
      );
      if (found !== undefined) return named.find(({ prefix }) => prefix === found)?.entry;
    }
    return undefined;
  }
}

/** Two patterns of one skill may share a prefix (`coffee`, `coffee {room}`), but not the arguments. */
function shape(pattern: CompiledPattern): string {
  return JSON.stringify(pattern.items, (key, value: unknown) => (key === 'name' ? undefined : value));
}
