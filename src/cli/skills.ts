import { readable } from '../dispatch/chat.ts';
import { CommandIndex } from '../dispatch/command-index.ts';
import { allSkills } from './read-configuration.ts';
import { createSetting, type SettingOptions } from './setting.ts';

export async function listSkills(options: SettingOptions): Promise<number> {
  const { folders } = await createSetting(options);
  const where = new Map(folders.skills.map(({ skill, directory }) => [skill.name, directory]));
  for (const skill of allSkills(folders)) {
    const directory = where.get(skill.name) ?? 'part of the bot';
    console.log(`${skill.name}: ${skill.description ?? ''} (${directory})`);
    for (const entry of new CommandIndex([skill]).all)
      if (!entry.command.hidden) console.log(`  ${readable(entry).padEnd(34)} ${entry.command.help}`);
  }
  for (const broken of folders.broken) console.error(`not loaded: ${broken.file}: ${broken.reason}`);
  return folders.broken.length === 0 ? 0 : 1;
}
