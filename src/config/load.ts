import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../errors.ts';
import { applyEnvironment } from './environment.ts';
import { explain } from './explain.ts';
import { misplacedSecrets } from './misplaced-secrets.ts';
import { parseFile, type SourceFile } from './parse.ts';
import { expandPlatforms, fillTypes, isMap, withoutNulls, withTypes, type Raw } from './raw.ts';
import { checkReferences, type Vocabulary } from './references.ts';
import { configSchema, configSchemaOf, type Config, type DatabaseConfig } from './schema.ts';
import { shapeOf, type Shape } from './shape.ts';
import { commandsOf, readSkills, warnNoEffect, type DisabledSkill, type ReadOptions } from './skill-options.ts';
import { readSource, SourceMissing } from './source.ts';
import type { Environment } from './substitute.ts';
import {
  merge,
  pathText,
  placeOf,
  placeText,
  toValue,
  type Finding,
  type Path,
  type Place,
  type Tree,
} from './tree.ts';

export type { ReadOptions } from './skill-options.ts';

/** Nobody reads more, and logs, rooms and terminals must not get 50,000. */
const MAX_LINES = 200;

export interface LoadOptions extends ReadOptions {
  /** A file, or a directory of `*.yaml` merged by key. */
  readonly path: string;
}

export interface Loaded {
  readonly ok: true;
  readonly config: Config;
  /** Lines for people, like problems; the configuration can still be used. */
  readonly warnings: readonly string[];
  /** Skills that are off: switched off, or not mentioned and in need of options. */
  readonly disabled: readonly DisabledSkill[];
  /** The files it was read from. */
  readonly sources: readonly string[];
  /** The merged source as JSON with references instead of secrets: what is stored as a generation. */
  readonly content: string;
  /** Of `content`: the same on every replica, wherever its files are. */
  readonly hash: string;
  /** Of the files as read; see `watchConfig`. */
  readonly sourceHash: string;
}

export interface NotLoaded {
  readonly ok: false;
  /** Every problem, as `file:line:col path: message`. */
  readonly problems: readonly string[];
  /** Its `database:`, if that part has no problem: enough to find the last good configuration. */
  readonly database?: DatabaseConfig;
  /** Undefined when nothing could be read. */
  readonly sourceHash: string | undefined;
}

export type LoadResult = Loaded | NotLoaded;

/** Reads, merges and checks a configuration. Never throws because of its content, and reports everything at once. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  try {
    const { files, hash } = await readSource(options.path);
    return readConfig(files, hash, options.env, options);
  } catch (error) {
    if (error instanceof SourceMissing) return { ok: false, problems: [error.message], sourceHash: undefined };
    throw error;
  }
}

/**
 * Reads the `content` of a stored generation (or of the trial): nothing is substituted a second time, and no secret is
 * looked for. A configuration stored by an earlier release must still work when the file is invalid.
 */
export function loadContent(content: string, name: string, options: ReadOptions): LoadResult {
  return readConfig([{ name, bytes: Buffer.from(content) }], '', undefined, options);
}

/**
 * The directories with additional skills, as absolute paths; in the file they are relative to it. They must be known before the
 * rest can be checked. Empty when they cannot be read: `loadConfig` reports why.
 */
export async function readSkillDirectories(path: string, env: Environment): Promise<string[]> {
  try {
    const { files } = await readSource(path);
    const raw = toValue(mergeFiles(files, env, () => {}));
    const list = isMap(raw) ? raw['skillDirectories'] : undefined;
    const base = (await stat(path)).isDirectory() ? path : dirname(path);
    return Array.isArray(list)
      ? list.flatMap((one) => (typeof one === 'string' && one !== '' ? [resolve(base, one)] : []))
      : [];
  } catch {
    return [];
  }
}

function mergeFiles(
  files: readonly SourceFile[],
  env: Environment | undefined,
  problem: (finding: Finding) => void,
): Tree {
  const start: Place = { file: files[0]?.name ?? '', line: 1, column: 1 };
  let tree: Tree = { kind: 'scalar', at: start, value: null };
  for (const file of files) {
    const next = parseFile(file, env, problem);
    if (next.kind === 'map' || (next.kind === 'scalar' && next.value === null)) tree = merge(tree, next, problem);
    else problem({ path: [], message: 'must be a map: name: watchbell, connectors: …', at: next.at });
  }
  return tree;
}

function readConfig(
  files: readonly SourceFile[],
  sourceHash: string,
  env: Environment | undefined,
  options: ReadOptions,
): LoadResult {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const disabled: DisabledSkill[] = [];
  const problem = (finding: Finding): void => void problems.push(finding);

  const tree = mergeFiles(files, env, problem);
  // Everything that a file with broken syntax would define is missing, which would only cause noise.
  if (problems.some(({ path }) => path.length === 0)) return notLoaded();
  if (tree.kind !== 'map') {
    problem({ path: [], message: 'is empty: write at least connectors: and rooms:', at: { ...tree.at, line: 0 } });
    return notLoaded();
  }

  const raw = withoutNulls(toValue(tree) as Raw);
  const content = JSON.stringify(raw);
  const types = options.platforms.map(({ type }) => type);
  const { skills: _, ...core }: Raw = { ...raw, connectors: fillTypes(raw['connectors'], types, problem) };
  const schema = configSchemaOf(options.platforms);
  const parsed = schema.safeParse(core);
  const shape = shapeOf(schema);
  if (!parsed.success) problems.push(...explain(parsed.error.issues, core, shape, []));
  warnings.push(...warnNoEffect(shape, core, []));
  const skills = readSkills(raw, options, { problems, warnings, disabled });
  const references = checkReferences(
    { ...raw, connectors: withTypes(raw['connectors']) },
    vocabularyOf(options, skills, problem),
  );
  problems.push(...references.problems);
  warnings.push(...references.warnings);
  if (env !== undefined) {
    const reported = new Set(problems.map(({ path }) => JSON.stringify(path)));
    const misplaced = misplacedSecrets(raw, (path) => isReference(path, shape, options));
    problems.push(...misplaced.filter(({ path }) => !reported.has(JSON.stringify(path))));
  }
  if (parsed.success) {
    const at = { file: 'environment', line: 0, column: 0 };
    applyEnvironment(parsed.data, options.env, {
      problem: (message) => problem({ path: [], message, at }),
      warning: (message) => warnings.push({ path: [], message, at }),
    });
  }
  if (!parsed.success || problems.length > 0) return notLoaded();

  const config: Config = { ...parsed.data, access: expandPlatforms(parsed.data), skills };
  if (Object.keys(config.connectors).length === 0)
    warnings.push({ path: ['connectors'], message: 'there are none, so the bot is in no room' });
  return {
    ok: true,
    config,
    warnings: lines(tree, warnings),
    disabled,
    sources: files.map(({ name }) => name),
    content,
    hash: createHash('sha256').update(content).digest('hex'),
    sourceHash,
  };

  function notLoaded(): NotLoaded {
    const database = tree.kind === 'map' ? validDatabase(toValue(tree), problems) : undefined;
    return { ok: false, problems: lines(tree, problems), ...(database && { database }), sourceHash };
  }
}

/** Files with broken syntax are not in `raw` at all, so what is in it is complete. */
function validDatabase(raw: unknown, problems: readonly Finding[]): DatabaseConfig | undefined {
  if (!isMap(raw) || problems.some(({ path }) => path[0] === 'database')) return undefined;
  return configSchema.shape.database.safeParse(raw['database']).data;
}

/** Whether a path expects a reference to a secret, in the core or in a skill. */
function isReference(path: Path, core: Shape, { skills }: ReadOptions): boolean {
  const [part, name, ...rest] = path;
  if (part !== 'skills') return core.isSecret(path);
  const schema = skills.find((skill) => skill.name === name)?.options;
  // Unknown for a skill that could not be loaded.
  return schema === undefined || shapeOf(schema).isSecret(rest);
}

function vocabularyOf(
  { skills, brokenSkills = [] }: ReadOptions,
  options: Config['skills'],
  problem: (finding: Finding) => void,
): Vocabulary {
  const patterns = skills.flatMap((skill) => {
    try {
      return Object.keys(commandsOf(skill, options[skill.name]));
    } catch (error) {
      problem({
        path: ['skills', skill.name],
        message: `could not build its commands from its options: ${messageOf(error)}`,
      });
      return [];
    }
  });
  return {
    skills: [...skills.map(({ name }) => name), ...brokenSkills],
    queries: skills.flatMap(({ name, queries = {} }) => Object.keys(queries).map((query) => `${name} ${query}`)),
    commands: patterns.map((pattern) => (/^[^{[]*/.exec(pattern)?.[0] ?? '').trim().toLowerCase()).filter(Boolean),
  };
}

function lines(tree: Tree, findings: readonly Finding[]): string[] {
  const placed = findings.map((finding) => ({
    ...finding,
    at: finding.at ?? placeOf(tree, finding.path, finding.atKey),
  }));
  placed.sort(
    (one, other) =>
      compare(one.at.file, other.at.file) || one.at.line - other.at.line || one.at.column - other.at.column,
  );
  const shown = placed
    .slice(0, MAX_LINES)
    .map(({ at, path, message }) => `${placeText(at)}${path.length > 0 ? ` ${pathText(path)}` : ''}: ${message}`);
  const more = placed.length - shown.length;
  return more > 0 ? [...shown, `and ${more} more: fix these first`] : shown;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
