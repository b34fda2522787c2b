import { isAlias, isMap, isScalar, isSeq, LineCounter, Scalar } from 'yaml';
import { messageOf } from '../errors.ts';
import { boundedDocument, DocumentTooLarge, SeveralDocuments } from './bounded-document.ts';
import { plainValue, substitute, type Environment } from './substitute.ts';
import { emptyMap, type Entry, type Finding, type Path, type Place, type Tree } from './tree.ts';

/** The limit of a ConfigMap; a larger file is not a configuration. */
export const MAX_FILE_BYTES = 1024 * 1024;
const MAX_NODES = 50_000;
const MAX_DEPTH = 100;
/** More than are ever shown; text that is not a configuration may have one per line. */
const MAX_PROBLEMS = 1000;

export interface SourceFile {
  /** As problems name it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads YAML 1.2 (core: `on`, `no` and `y` are text) into a tree. `env` undefined: nothing is substituted. */
export function parseFile(file: SourceFile, env: Environment | undefined, problem: (finding: Finding) => void): Tree {
  const start: Place = { file: file.name, line: 1, column: 1 };
  const text = decode(file.bytes);
  if (text === undefined) {
    const message =
      file.bytes.length > MAX_FILE_BYTES
        ? 'is larger than 1 MiB, so it is not a configuration'
        : 'is not a text file in UTF-8';
    problem({ path: [], message, at: { ...start, line: 0 } });
    return emptyMap(start);
  }
  try {
    return new Reader(file.name, text, env, problem).read();
  } catch (error) {
    const message =
      error instanceof SeveralDocuments
        ? `${error.message}: merge them, or use several files in a directory`
        : `cannot be read: ${messageOf(error)}`;
    problem({ path: [], message, at: start });
    return emptyMap(start);
  }
}

function decode(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_FILE_BYTES) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

class Reader {
  readonly #file: string;
  readonly #text: string;
  readonly #env: Environment | undefined;
  readonly #problem: (finding: Finding) => void;
  readonly #lines = new LineCounter();
  readonly #anchors = new Map<string, unknown>();
  #nodes = 0;

  constructor(file: string, text: string, env: Environment | undefined, problem: (finding: Finding) => void) {
    this.#file = file;
    this.#text = text;
    this.#env = env;
    let left = MAX_PROBLEMS;
    this.#problem = (finding) => {
      problem(finding);
      if (--left === 0) throw new DocumentTooLarge('it has too many problems');
    };
  }

  read(): Tree {
    const document = boundedDocument(this.#text, this.#lines);
    // Only the first: what the parser makes of the rest is a guess.
    const [error] = document.errors;
    if (error) this.#problem({ path: [], message: this.#explain(error.message), at: this.#at(error.pos[0]) });
    for (const warning of document.warnings) {
      this.#problem({ path: [], message: 'a value that begins with "!" must be quoted', at: this.#at(warning.pos[0]) });
    }
    if (error) return emptyMap(this.#at(0));
    return this.#tree(document.contents, [], this.#at(0));
  }

  #explain(message: string): string {
    if (message.startsWith('Plain value cannot start with'))
      return 'a value that begins with "@" or "`" must be quoted';
    // The library quotes what it found; that may be part of a secret.
    const unquoted = message.replace(/(?<=:) ".*"?$/s, '').replace(/:$/, '');
    const quote = this.#text.includes('${') ? 'inside { } a "${NAME}"' : 'a value that begins with "#", "*" or "&"';
    return `is not YAML: ${lowerFirst(unquoted)} (${quote} must be quoted)`;
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  #tree(node: unknown, path: Path, near: Place): Tree {
    this.#nodes++;
    if (this.#nodes > MAX_NODES || path.length > MAX_DEPTH) {
      throw new DocumentTooLarge(path.length > MAX_DEPTH ? 'nested too deeply' : 'it has too many values');
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target !== undefined) return this.#tree(target, path, near);
      this.#problem({
        path,
        message: `no anchor is called "${node.source}"; a value that begins with "*" must be quoted`,
        at: near,
      });
      return { kind: 'scalar', at: near, value: null };
    }
    const at = isRanged(node) ? this.#at(node.range[0]) : near;
    if (isMap(node)) {
      this.#remember(node.anchor, node);
      return this.#map(node.items, path, at);
    }
    if (isSeq(node)) {
      this.#remember(node.anchor, node);
      return { kind: 'list', at, items: node.items.map((item, index) => this.#tree(item, [...path, index], at)) };
    }
    if (isScalar(node)) {
      this.#remember(node.anchor, node);
      return { kind: 'scalar', at, value: this.#scalar(node, path, at) };
    }
    return { kind: 'scalar', at, value: null };
  }

  #remember(anchor: string | undefined, node: unknown): void {
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }

  #map(items: readonly { key: unknown; value: unknown }[], path: Path, at: Place): Tree {
    const entries = new Map<string, Entry>();
    for (const { key, value } of items) {
      const keyAt = isRanged(key) ? this.#at(key.range[0]) : at;
      // The source, not the value: as a number, 1045678901234567890 would lose its last digits.
      const name = isScalar(key)
        ? typeof key.value === 'string'
          ? key.value
          : (key.source ?? String(key.value))
        : undefined;
      if (name === undefined || name === '__proto__') {
        this.#problem({ path, message: 'has a key that is not text', at: keyAt });
        continue;
      }
      const before = entries.get(name);
      if (before) {
        const message = `is a duplicate, first used in line ${before.keyAt.line}`;
        this.#problem({ path: [...path, name], message, at: keyAt });
        continue;
      }
      entries.set(name, { keyAt, node: this.#tree(value, [...path, name], keyAt) });
    }
    return { kind: 'map', at, entries };
  }

  #scalar(node: Scalar, path: Path, at: Place): string | number | boolean | null {
    const { value } = node;
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
    if (typeof value !== 'string') {
      this.#problem({ path, message: 'must be text, a number, a list or a map', at });
      return null;
    }
    if (this.#env === undefined) return value;
    const replaced = substitute(value, this.#env, (message) => this.#problem({ path, message, at }));
    return node.type === Scalar.PLAIN && replaced !== value ? plainValue(replaced) : replaced;
  }
}

function isRanged(node: unknown): node is { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
