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
  /** The literal words of the main pattern: `ack`, `job run`. What access rules, metrics and the audit call it. */
  readonly name: string;
  readonly pattern: string;
  readonly command: Command<unknown>;
}

/** A pattern as people read it: `ack [ID…] [for 2h] [note]`. */
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
      /** Free text stands right behind its words, so the line may as well be what people say to each other. */
      readonly isLoose: boolean;
    }
  /** The beginning is a command's, the rest is not. `isSlip`: a number was meant, and is none. */
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

const GLUED = /^([a-z]+)(#?\d[\d,]*)$/i;
/** A line longer than this is a paste, not a command. */
const MAX_TEXT = 4000;

/**
 * Finds the command that a line says. Lines are looked up by the literal words they begin with, longest beginning first,
 * so the cost does not grow with the number of commands.
 */
export class CommandIndex {
  readonly #byBeginning = new Map<string, Entry[]>();
  readonly #all: IndexedCommand[] = [];
  #longest = 0;

  /**
   * `options` are by skill; one that makes its commands from them and has none says nothing.
   * @throws {StartFailed} naming both skills, when two claim the same words.
   */
  constructor(skills: readonly Pick<AnySkill, 'name' | 'commands'>[], options: Readonly<Record<string, unknown>> = {}) {
    for (const skill of skills) {
      for (const [source, command] of Object.entries(commandsOf(skill, options[skill.name]))) {
        const main = compilePattern(source);
        const indexed = { skill: skill.name, name: main.beginning.join(' '), pattern: source, command };
        this.#all.push(indexed);
        for (const pattern of [main, ...(command.also ?? []).map(compilePattern)])
          this.#add({ pattern, rooms: roomArguments(pattern.items), command: indexed });
      }
    }
  }

  #add(entry: Entry): void {
    const key = entry.pattern.beginning.join(' ');
    const there = this.#byBeginning.get(key) ?? [];
    const other = there.find(
      (one) => one.command.skill !== entry.command.skill || shape(one.pattern) === shape(entry.pattern),
    );
    if (other)
      throw new StartFailed(
        `the skills "${other.command.skill}" and "${entry.command.skill}" both claim the command "${key}" (${other.pattern.source} / ${entry.pattern.source}); remove one of them, or rename its command`,
      );
    there.push(entry);
    this.#byBeginning.set(key, there);
    this.#longest = Math.max(this.#longest, entry.pattern.beginning.length);
  }

  get all(): readonly IndexedCommand[] {
    return this.#all;
  }

  /** Pure. `text` has no prefix and no mention any more. */
  find(text: string): Lookup {
    if (text.length > MAX_TEXT) return { found: 'nothing' };
    const words = splitWords(text);
    const direct = this.#lookup(words);
    if (direct.found === 'command') return direct;
    // `ack12`: ids glued to the verb, tried only when the plain reading is no command.
    const glued = GLUED.exec(words.words[0] ?? '');
    if (!glued?.[1] || !glued[2]) return direct;
    const apart = this.#lookup(splitWords(`${glued[1]} ${glued[2]} ${words.rest(1)}`));
    return apart.found === 'nothing' ? direct : apart;
  }

  #lookup(words: ReturnType<typeof splitWords>): Lookup {
    const said = words.words.slice(0, this.#longest).map((word) => word.toLowerCase().replace(/[.,;:!?]+$/, ''));
    let mismatch: Lookup = { found: 'nothing' };
    let refused: { at: number; lookup: Lookup } | undefined;
    for (let length = said.length; length > 0; length--) {
      for (const entry of this.#byBeginning.get(said.slice(0, length).join(' ')) ?? []) {
        const result = matchPattern(entry.pattern, words);
        if (result.ok) {
          // `ack all ٣` is no `ack` with the note "all ٣".
          if (refused && (result.restAt ?? Infinity) <= refused.at) return refused.lookup;
          const isLoose = result.restAt === length;
          return { found: 'command', entry: entry.command, args: result.args, rooms: entry.rooms, isLoose };
        }
        const isSlip = result.refusedAt !== undefined;
        const lookup: Lookup = { found: 'misfit', entry: entry.command, mismatch: result.mismatch, isSlip };
        if (mismatch.found === 'nothing') mismatch = lookup;
        if (!refused && result.refusedAt !== undefined) refused = { at: result.refusedAt, lookup };
      }
    }
    return refused?.lookup ?? mismatch;
  }

  /** The command whose words are nearest to those the text begins with, or to the whole of a text that is shorter. */
  nearest(text: string, candidates: readonly IndexedCommand[]): IndexedCommand | undefined {
    const words = text.trim().slice(0, 100).split(/\s+/);
    for (let length = Math.min(words.length, this.#longest); length > 0; length--) {
      const named = candidates
        .map((entry) => ({ entry, name: entry.name.split(' ') }))
        .filter(({ name }) => name.length === length || (name.length > length && words.length === length))
        .map(({ entry, name }) => ({ entry, beginning: name.slice(0, length).join(' ') }));
      const found = nearest(
        words.slice(0, length).join(' '),
        named.map(({ beginning }) => beginning),
      );
      if (found !== undefined) return named.find(({ beginning }) => beginning === found)?.entry;
    }
    return undefined;
  }
}

/** Two patterns of one skill may begin alike (`coffee`, `coffee {room}`), but not be alike. */
function shape(pattern: CompiledPattern): string {
  return JSON.stringify(pattern.items, (key, value: unknown) => (key === 'name' ? undefined : value));
}
