import type { Commands } from '../contract/command.ts';
import type { Names, Problem, Skill } from '../contract/skill.ts';
import { messageOf } from '../errors.ts';
import type { PlatformOptions } from './connector-options.ts';
import { explain, lookUp } from './explain.ts';
import { didYouMean } from './nearest.ts';
import { isMap, type Raw } from './raw.ts';
import { namesOf, unknownNames } from './references.ts';
import { shapeOf, type Shape } from './shape.ts';
import type { Environment } from './substitute.ts';
import { pathText, type Finding, type Path } from './tree.ts';
import { validPart } from './valid-part.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- each skill has its own type of options
export type AnySkill = Skill<any>;

/** Commands by pattern. A skill that builds its commands from its options has none without options. */
export function commandsOf(skill: Pick<AnySkill, 'commands'>, options: unknown): Commands {
  const { commands = {} } = skill;
  if (typeof commands !== 'function') return commands;
  return options === undefined ? {} : commands(options);
}

export interface ReadOptions {
  readonly platforms: readonly PlatformOptions[];
  readonly skills: readonly AnySkill[];
  readonly env: Environment;
  /** Names of skills whose folder could not be loaded: their options are ignored instead of rejected. */
  readonly brokenSkills?: readonly string[];
}

export interface DisabledSkill {
  readonly skill: string;
  readonly because: string;
}

const NAMES: readonly (keyof Names)[] = ['rooms', 'people', 'groups', 'schedules', 'timeIntervals'];

interface Findings {
  readonly problems: Finding[];
  readonly warnings: Finding[];
  readonly disabled: DisabledSkill[];
}

/** The parsed options of each enabled skill. A skill that is not mentioned is on with its defaults, or off if it requires options. */
export function readSkills(
  raw: Raw,
  { skills, brokenSkills = [] }: ReadOptions,
  { problems, warnings, disabled }: Findings,
): Record<string, unknown> {
  const given = isMap(raw['skills']) ? raw['skills'] : {};
  if (raw['skills'] !== undefined && !isMap(raw['skills']))
    problems.push({ path: ['skills'], message: 'must be a map (key: value)' });
  const names = namesOf(raw);
  const unknown = unknownNames(raw);
  const known = skills.map((skill) => skill.name);
  for (const name of Object.keys(given).filter((one) => !known.includes(one))) {
    if (brokenSkills.includes(name))
      warnings.push({ path: ['skills', name], message: 'this skill could not be loaded and is off', atKey: true });
    else
      problems.push({
        path: ['skills', name],
        message: `no skill is called "${name.slice(0, 80)}"${didYouMean(name, known)}`,
        atKey: true,
      });
  }
  const parsed: Record<string, unknown> = {};
  for (const skill of skills) {
    const isMentioned = Object.hasOwn(given, skill.name);
    const value = isMentioned ? given[skill.name] : {};
    const path = ['skills', skill.name];
    if (value === false) {
      disabled.push({ skill: skill.name, because: 'it is turned off' });
      continue;
    }
    if (!skill.options) {
      if (isMentioned && (!isMap(value) || Object.keys(value).length > 0))
        problems.push({ path, message: 'this skill has no options: write {}' });
      parsed[skill.name] = {};
      continue;
    }
    if (isMentioned) warnings.push(...warnNoEffect(shapeOf(skill.options), value, path));
    const found: Finding[] = [];
    const result = parseOptions(skill, value, found);
    if (found.length === 0) found.push(...checkNames(skill, { value, options: result }, names, unknown));
    else if (isMentioned) found.push(...checkValidPart(skill, value, names, unknown));
    if (found.length === 0) parsed[skill.name] = result;
    else if (isMentioned) {
      for (const finding of found) (isWarning(finding) ? warnings : problems).push(finding);
      if (found.every(isWarning)) parsed[skill.name] = result;
    } else {
      const [first] = found;
      disabled.push({
        skill: skill.name,
        because: first ? `${pathText(first.path)}: ${first.message}` : 'it needs options',
      });
    }
  }
  return parsed;
}

/** A warning for each key below `base` that has no effect in this release. */
export function warnNoEffect(shape: Shape, value: unknown, base: Path): Finding[] {
  return shape.keysWithoutEffect(value).map(({ path, because }) => ({
    path: [...base, ...path],
    message: `has no effect in this release: ${because}`,
    atKey: true,
  }));
}

function parseOptions(skill: AnySkill, value: unknown, findings: Finding[]): unknown {
  const base = ['skills', skill.name];
  if (!skill.options) return {};
  try {
    const result = skill.options.safeParse(value);
    findings.push(...explain(result.success ? [] : result.error.issues, value, shapeOf(skill.options), base));
    return result.data;
  } catch (error) {
    findings.push({ path: base, message: `the skill could not read its options: ${messageOf(error)}` });
    return undefined;
  }
}

function checkOptions(skill: AnySkill, options: unknown, names: Names): Finding[] {
  const base = ['skills', skill.name];
  try {
    const found: readonly Problem[] = skill.check?.(options, names) ?? [];
    return found.map((problem) => ({ ...problem, path: [...base, ...problem.path] }));
  } catch (error) {
    return [{ path: base, message: `the skill could not check its options: ${messageOf(error)}` }];
  }
}

/** Drops findings that only result from `unknown` names of the core, which have been reported already. */
function checkNames(
  skill: AnySkill,
  { value, options }: { readonly value: unknown; readonly options: unknown },
  names: Names,
  unknown: readonly (keyof Names)[],
): Finding[] {
  const found = checkOptions(skill, options, names);
  if (found.length === 0 || unknown.length === 0) return found;
  const left = pathsOf(checkOptions(skill, options, withWords(names, unknown, value)));
  return found.filter(({ path }) => left.has(JSON.stringify(path)));
}

/** Unknown names in options that have other problems; other findings of the skill could result from the missing parts. */
function checkValidPart(skill: AnySkill, value: unknown, names: Names, unknown: readonly (keyof Names)[]): Finding[] {
  const valid = skill.options && validPart(skill.options, value);
  if (!valid) return [];
  const found = checkNames(skill, { value, options: valid.data }, names, unknown).filter(({ path, message }) =>
    [lookUp({ skills: { [skill.name]: value } }, path)]
      .flat()
      .some((word) => typeof word === 'string' && message.includes(`"${word}"`) && !valid.without.has(word)),
  );
  if (found.length === 0 || !valid.lacksNames) return found;
  // The skill's own names are unknown: findings that remain if the core had every name are about those.
  const own = pathsOf(checkOptions(skill, valid.data, withWords(names, NAMES, value)));
  return found.filter(({ path }) => !own.has(JSON.stringify(path)));
}

function pathsOf(findings: readonly Finding[]): Set<string> {
  return new Set(findings.map(({ path }) => JSON.stringify(path)));
}

/** `names`, plus each word in `value` as a name of these kinds. */
function withWords(names: Names, kinds: readonly (keyof Names)[], value: unknown): Names {
  const words = [...textsIn(value)];
  return { ...names, ...Object.fromEntries(kinds.map((kind) => [kind, [...names[kind], ...words]])) };
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner);
}

/** A skill may report a finding that is odd but works: `{ path, message, warning: true }`. */
function isWarning(finding: Finding): boolean {
  return 'warning' in finding && finding.warning === true;
}
