import type { Config } from '../config/schema.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import { createLogger } from '../log.ts';
import { buildRegistry } from '../registry/build-registry.ts';
import type { Registry } from '../registry/registry.ts';
import { createCoreSkill } from '../skills/core.ts';
import { readVersion } from '../version.ts';
import type { ProgramSetup } from './program-setup.ts';

/** A registry for CLI commands that read or post next to the running bot; it handles no events. */
export function offlineRegistry({ folders }: ProgramSetup, config: Config): Registry {
  const { skills, broken } = folders;
  const core = createCoreSkill({ version: readVersion(), registry: () => registry, parts: () => ({}), broken });
  const registry: Registry = buildRegistry({
    config,
    platforms: PLATFORMS,
    skills: [core, ...skills.map(({ skill }) => skill)],
    generation: 0,
    skillLog: () => createLogger({ level: 'silent' }),
  });
  return registry;
}
