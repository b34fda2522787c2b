import type { Config } from '../config/schema.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import { buildWorld } from '../registry/build-registry.ts';
import type { World } from '../registry/registry.ts';
import { createLogger } from '../log.ts';
import { createCoreSkill } from '../skills/core.ts';
import { readVersion } from '../version.ts';
import type { Setting } from './program-setup.ts';

/** What a configuration decides, for a command that looks or speaks beside the bot; it handles nothing. */
export function offlineWorld({ folders }: Setting, config: Config): World {
  const { skills, broken } = folders;
  const core = createCoreSkill({ version: readVersion(), world: () => world, parts: () => ({}), broken });
  const world: World = buildWorld({
    config,
    platforms: PLATFORMS,
    skills: [core, ...skills.map(({ skill }) => skill)],
    generation: 0,
    skillLog: () => createLogger({ level: 'silent' }),
  });
  return world;
}
