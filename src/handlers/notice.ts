import { randomUUID } from 'node:crypto';
import type { Message, RoomAddress } from '../chat/message.ts';
import type { Database } from '../db/database.ts';
import type { Committed } from '../events/committed.ts';
import type { Registry } from '../registry/registry.ts';
import { mayNotice } from './failure.ts';
import { Outbox } from './outbox.ts';

export interface OpsNotice {
  readonly text: string;
  /** The connector it is about: its ops room is told; left out: every ops room. */
  readonly connector?: string;
  /** Not there: that room is the trouble. */
  readonly except?: RoomAddress;
  readonly eventId?: number;
}

/** Where the operators of the bot listen; empty when no `opsRoom` is configured. */
export function opsAddresses(registry: Registry, connector?: string): RoomAddress[] {
  const names = new Set(
    (connector === undefined ? [...registry.connectors] : [connector])
      .map((one) => registry.opsRoom(one))
      .filter((name) => name !== undefined),
  );
  // Without an ops room of its own a connector's trouble is told wherever there is one.
  if (names.size === 0 && connector !== undefined) return opsAddresses(registry);
  return [...names].flatMap((name) => registry.rooms.byName(name)?.addresses ?? []);
}

/** Puts a word to the operators among the effects of a transaction. */
export function sayToOps(registry: Registry, outbox: Outbox, word: OpsNotice): void {
  for (const address of opsAddresses(registry, word.connector)) {
    if (word.except?.connector === address.connector && word.except.room === address.room) continue;
    outbox.intend(
      coreMessage(
        address,
        { text: word.text },
        { eventId: word.eventId ?? null, line: word.text.replaceAll('\\', '').replaceAll('`', '') },
      ),
    );
  }
}

/** A message of the core itself: said once, unless it has a key; ahead of bulk. */
export function coreMessage(
  address: RoomAddress,
  message: Message,
  options: { key?: string; eventId?: number | null; ring?: boolean; line?: string } = {},
) {
  return {
    id: randomUUID(),
    connector: address.connector,
    room: address.room,
    skill: 'core',
    key: options.key ?? null,
    queue: 0 as const,
    content: JSON.stringify(message),
    line: options.line ?? null,
    ring: options.ring ?? false,
    notBefore: null,
    until: null,
    threadKey: null,
    replyTo: null,
    thread: null,
    notify: 'none' as const,
    eventId: options.eventId ?? null,
    removed: false,
  };
}

/** Tells the operators something in a transaction of its own, at most once per `everyMs` for one `about`. */
export async function noticeOps(
  database: Database,
  registry: Registry,
  word: OpsNotice & { about: string; everyMs: number },
): Promise<Committed | undefined> {
  return database.transaction(async (transaction) => {
    if (!(await mayNotice(transaction, word.about, word.everyMs))) return undefined;
    const outbox = new Outbox();
    sayToOps(registry, outbox, word);
    return outbox.write(transaction);
  });
}
