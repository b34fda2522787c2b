import { coreMessage } from '../handlers/notice.ts';
import { escape } from '../chat/message.ts';
import { Effects } from '../handlers/outbox.ts';
import { CommandError } from '../errors.ts';
import { offlineWorld } from './offline-world.ts';
import type { SettingOptions } from './program-setup.ts';
import { withLastGood } from './with-database.ts';

/** Stores the message; the running bot shows it within a second, or as soon as it runs again. */
export function say(room: string, text: string, options: SettingOptions): Promise<number> {
  return withLastGood(options, async (database, setting, config) => {
    const world = offlineWorld(setting, config);
    const found = world.rooms.byName(room);
    if (!found)
      throw new CommandError(
        `no room is called "${room}"; configured are: ${
          world.rooms
            .all()
            .map((one) => one.name)
            .join(', ') || 'none'
        }`,
      );
    await database.transaction(async (transaction) => {
      const effects = new Effects();
      for (const address of found.addresses) effects.want(coreMessage(address, { text: escape(text) }, { ring: true }));
      await effects.write(transaction);
    });
    console.log(
      `Stored for ${found.addresses.map((address) => `${address.connector} ${address.room}`).join(', ')}; the running bot shows it within a second.`,
    );
    return 0;
  });
}
