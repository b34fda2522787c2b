import { readable } from '../dispatch/chat.ts';
import { CommandIndex } from '../dispatch/command-index.ts';
import { createSetting, type SettingOptions } from './setting.ts';

export async function listSkills(options: SettingOptions): Promise<number> {
  const { folders } = await createSetting(options);
  for (const { skill, directory } of folders.skills) {
    console.log(`${skill.name}: ${skill.description ?? ''} (${directory})`);
    for (const entry of new CommandIndex([skill]).all)
      if (!entry.command.hidden) console.log(`  ${readable(entry).padEnd(34)} ${entry.command.help}`);
  }
  for (const broken of folders.broken) console.error(`not loaded: ${broken.file}: ${broken.reason}`);
  return folders.broken.length === 0 ? 0 : 1;
}
