import { readdir, stat } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Skill } from '../contract/skill.ts';
import { readMigrations, type SkillMigrations } from '../db/migrate.ts';
import { messageOf } from '../errors.ts';
import { unknownKeys } from './known-keys.ts';

export interface LoadedFolder {
  readonly skill: Skill<unknown>;
  readonly directory: string;
  readonly migrations: SkillMigrations;
}

/** A folder whose skill cannot be used; others are not affected. */
export interface BrokenFolder {
  readonly file: string;
  readonly reason: string;
}

export interface SkillFolders {
  readonly skills: readonly LoadedFolder[];
  readonly broken: readonly BrokenFolder[];
}

/** The directory of the built-in skills. */
export const BUILT_IN_SKILLS = resolve(import.meta.dirname, '../../skills');

/** What a skill may import by name, wherever its folder is. */
const ALIASES: Readonly<Record<string, string>> = {
  '#skill': pathToFileURL(join(import.meta.dirname, '../skill.ts')).href,
  'watchbell/skill': pathToFileURL(join(import.meta.dirname, '../skill.ts')).href,
  'watchbell/testing': pathToFileURL(join(import.meta.dirname, '../testing/index.ts')).href,
};

/** Lets skills outside this package import `#skill`, which their folder has no package.json to resolve. */
export function provideSkillImports(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const url = ALIASES[specifier];
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
  });
}

/** Loads every folder with an `index.ts` or `index.js` in the directories, by name. A later skill with the same name is broken. */
export async function loadSkills(directories: readonly string[]): Promise<SkillFolders> {
  const skills: LoadedFolder[] = [];
  const broken: BrokenFolder[] = [];
  // The chart adds its own directory to the configured ones, which may include it too ("/skills/").
  for (const directory of new Set(directories.map((one) => resolve(one)))) {
    let names: string[];
    try {
      names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
    } catch (error) {
      broken.push({ file: directory, reason: `the directory cannot be read: ${messageOf(error)}` });
      continue;
    }
    for (const name of names) {
      const file = await indexOf(join(directory, name));
      if (!file) continue;
      try {
        const loaded = await loadFolder(join(directory, name), file);
        const other = skills.find((one) => one.skill.name === loaded.skill.name);
        if (other)
          throw new Error(`${other.directory} already has a skill named "${loaded.skill.name}"; rename one of them`);
        skills.push(loaded);
      } catch (error) {
        broken.push({ file, reason: messageOf(error) });
      }
    }
  }
  return { skills, broken };
}

async function indexOf(directory: string): Promise<string | undefined> {
  for (const name of ['index.ts', 'index.js', 'index.mjs']) {
    const file = join(directory, name);
    if (
      await stat(file).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

async function loadFolder(directory: string, file: string): Promise<LoadedFolder> {
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  const skill = module.default;
  if (typeof skill !== 'object' || skill === null || !('name' in skill) || typeof skill.name !== 'string')
    throw new Error('it has no default export made by defineSkill({ name: … })');
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(skill.name) || skill.name === 'core')
    throw new Error(`"${skill.name}" is not a valid name for a skill: use lower-case letters, digits and dashes`);
  const unknown = unknownKeys(skill);
  if (unknown.length > 0) throw new Error(`${unknown.join('; ')}. See docs/writing-a-skill.md`);
  return {
    skill: skill as Skill<unknown>,
    directory,
    migrations: { skill: skill.name, migrations: await readMigrations(join(directory, 'migrations')) },
  };
}
