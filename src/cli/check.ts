import { CommandIndex } from '../commands/command-index.ts';
import { readEnvironment, type EnvironmentSettings } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import { messageOf } from '../errors.ts';
import { provideSkillImports } from '../skills/load.ts';
import { findConfiguration, readConfiguration } from './read-configuration.ts';

export interface CheckOptions {
  readonly path?: string | undefined;
  /** Receives one line at a time. Default: standard output. */
  readonly print?: (line: string) => void;
  readonly environment?: EnvironmentSettings;
  /** Lets skills in other directories import `#skill`; works once per process, so tests leave it out. */
  readonly provideImports?: () => void;
}

/** `watchbell check`: prints every problem and warning, or one line when there are none. Resolves to the exit status, 0 or 1. */
export async function check({
  path: given,
  print = printLine,
  environment = readEnvironment(),
  provideImports = provideSkillImports,
}: CheckOptions): Promise<number> {
  const path = await findConfiguration(given, environment);
  if (path === undefined) {
    print('there is no watchbell.yaml in this directory; name a file: `watchbell check FILE`');
    return 1;
  }
  provideImports();
  const { result, folders, skills } = await readConfiguration(path, environment);
  const problems = result.ok ? [] : [...result.problems];
  for (const { file, reason } of folders.broken) problems.push(`${file}: the skill cannot be loaded: ${reason}`);
  try {
    const isOn = (name: string): boolean => !result.ok || Object.hasOwn(result.config.skills, name);
    new CommandIndex(
      skills.filter(({ name }) => isOn(name)),
      result.ok ? result.config.skills : {},
    );
  } catch (error) {
    problems.push(messageOf(error));
  }
  for (const problem of problems) print(problem);
  if (result.ok) for (const warning of result.warnings) print(`warning: ${warning}`);
  if (problems.length > 0 || !result.ok) {
    print(problems.length === 1 ? '1 problem' : `${problems.length} problems`);
    return 1;
  }
  print(`${path}: ok (${summary(result.config)})`);
  for (const { skill, because } of result.disabled) print(`the skill ${skill} is off: ${because}`);
  return 0;
}

function summary(config: Config): string {
  const count = (entries: object, one: string, many = `${one}s`): string => {
    const number = Object.keys(entries).length;
    return `${number} ${number === 1 ? one : many}`;
  };
  return [
    count(config.connectors, 'connector'),
    count(config.rooms, 'room'),
    count(config.people, 'person', 'people'),
    count(config.access, 'access rule'),
    count(config.skills, 'skill'),
  ].join(', ');
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
