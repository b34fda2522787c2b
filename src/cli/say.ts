import { escape } from '../chat/message.ts';
import { CommandError } from '../errors.ts';
import { coreMessage } from '../handlers/notice.ts';
import { Outbox } from '../handlers/outbox.ts';
import { offlineRegistry } from './offline-registry.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withLastGood } from './with-database.ts';

/** Stores the message; the running bot posts it within a second, or as soon as it runs again. */
export function say(room: string, text: string, options: ProgramSetupOptions): Promise<number> {
  return withLastGood(options, async (database, setup, config) => {
    const registry = offlineRegistry(setup, config);
    const found = registry.rooms.byName(room);
    if (!found)
      throw new CommandError(
        `no room is called "${room}"; configured rooms: ${
          registry.rooms
            .all()
            .map((one) => one.name)
            .join(', ') || 'none'
        }`,
      );
    await database.transaction(async (transaction) => {
      const outbox = new Outbox();
      for (const address of found.addresses)
        outbox.intend(coreMessage(address, { text: escape(text) }, { ring: true }));
      await outbox.write(transaction);
    });
    console.log(
      `Stored for ${found.addresses.map((address) => `${address.connector} ${address.room}`).join(', ')}; the running bot posts it within a second.`,
    );
    return 0;
  });
}
