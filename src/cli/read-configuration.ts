import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readEnvironment, type EnvironmentSettings } from '../config/environment.ts';
import { loadConfig, readSkillDirectories, type LoadResult } from '../config/load.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import type { Skill } from '../contract/skill.ts';
import { createCoreSkill } from '../skills/core.ts';
import { BUILT_IN_SKILLS, loadSkills, type SkillFolders } from '../skills/load.ts';
import { readVersion } from '../version.ts';

export interface ReadConfiguration {
  readonly result: LoadResult;
  readonly folders: SkillFolders;
  /** Every skill including the core one, to read what they declare; not to run them. */
  readonly skills: readonly Skill<unknown>[];
}

/** `--config`, else `WATCHBELL_CONFIG`, else `./watchbell.yaml`; undefined: there is none, so this is the trial. */
export async function findConfiguration(
  given: string | undefined,
  environment: EnvironmentSettings,
): Promise<string | undefined> {
  const named = given ?? environment.configPath;
  if (named !== undefined) return named;
  return stat('watchbell.yaml').then(
    () => 'watchbell.yaml',
    () => undefined,
  );
}

/** Names of the folders whose skill could not be loaded. */
export function brokenNames(folders: SkillFolders): string[] {
  return folders.broken.map(({ file }) => basename(dirname(file)));
}

/** Including the core skill, to read what they declare; not to run them. */
export function allSkills(folders: SkillFolders): Skill<unknown>[] {
  const core = createCoreSkill({
    version: readVersion(),
    registry: () => {
      throw new Error('the bot is not running');
    },
    parts: () => ({}),
    broken: folders.broken,
  });
  return [core, ...folders.skills.map(({ skill }) => skill)];
}

/** Reads a configuration with all its skills, and nothing else: no database, no network, no secrets. */
export async function readConfiguration(
  path: string,
  environment: EnvironmentSettings = readEnvironment(),
): Promise<ReadConfiguration> {
  const folders = await loadSkills([BUILT_IN_SKILLS, ...(await readSkillDirectories(path, environment.env))]);
  const skills = allSkills(folders);
  const result = await loadConfig({
    ...{ path, skills, platforms: PLATFORMS, env: environment.env },
    brokenSkills: brokenNames(folders),
  });
  return { result, folders, skills };
}
