import { CommandIndex, readable } from '../commands/command-index.ts';
import { StartFailed } from '../errors.ts';
import { createProgramSetup, type ProgramSetupOptions } from './program-setup.ts';
import { allSkills } from './read-configuration.ts';

export async function listSkills(options: ProgramSetupOptions): Promise<number> {
  const setup = await createProgramSetup(options);
  const read = await setup.load();
  // `check` reports problems in it; but if the file is missing, its skills would be missing without notice.
  if (!read.ok && read.sourceHash === undefined) throw new StartFailed(read.problems.join('\n'));
  const { folders } = setup;
  const where = new Map(folders.skills.map(({ skill, directory }) => [skill.name, directory]));
  for (const skill of allSkills(folders)) {
    const directory = where.get(skill.name) ?? 'part of the bot';
    console.log(`${skill.name}: ${skill.description ?? ''} (${directory})`);
    for (const entry of new CommandIndex([skill], read.ok ? read.config.skills : {}).all)
      if (!entry.command.hidden) console.log(`  ${readable(entry).padEnd(34)} ${entry.command.help}`);
  }
  for (const broken of folders.broken) console.error(`not loaded: ${broken.file}: ${broken.reason}`);
  return folders.broken.length === 0 ? 0 : 1;
}
