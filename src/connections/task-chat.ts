import { setTimeout as sleep } from 'node:timers/promises';
import type { Connector } from '../connectors/connector.ts';
import type { TaskChat } from '../contract/task.ts';
import type { Registry } from '../registry/registry.ts';

const CLOSE_WITHIN_MS = 2000;

export interface TaskChatOptions {
  readonly registry: () => Registry;
  /** The connector, while this replica is connected. */
  readonly running: (name: string) => Connector | undefined;
  /** Creates one that is never started. */
  readonly create: (name: string) => Promise<Connector>;
}

/**
 * Chat platforms as one task may use them. Where another replica runs the connector, the task gets a connector of its own:
 * conversations are named by a uuid, so opening one twice at the same time creates only one.
 */
export function createTaskChat(
  { registry, running, create }: TaskChatOptions,
  signal: AbortSignal,
): TaskChat & { close(): Promise<void> } {
  const own = new Map<string, Promise<Connector>>();
  const connectorFor = async (name: string): Promise<Connector> => {
    if (!registry().connectors.has(name)) throw new Error(`there is no connector "${name}"`);
    const found = running(name);
    if (found) return found;
    const made = own.get(name) ?? create(name);
    own.set(name, made);
    return made;
  };
  return {
    async members({ connector: name, room }) {
      const connector = await connectorFor(name);
      if (connector.members) return connector.members(room, signal);
      return registry()
        .people.all()
        .flatMap((person) => {
          const accountId = person.accounts[name];
          return accountId === undefined ? [] : [{ accountId, name: person.name, guest: false, bot: false }];
        });
    },
    async open({ connector: name, ...conversation }) {
      const connector = await connectorFor(name);
      if (!connector.openGroup) return undefined;
      return { connector: name, room: await connector.openGroup(conversation, signal) };
    },
    async close() {
      const stopped = [...own.values()].map((made) => made.then((connector) => connector.stop()));
      // A connector that cannot even be created must not occupy the task's slot.
      await Promise.race([Promise.allSettled(stopped), sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}
