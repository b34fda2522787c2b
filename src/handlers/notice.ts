import { randomUUID } from 'node:crypto';
import type { Message, RoomAddress } from '../chat/message.ts';
import type { Database } from '../db/database.ts';
import type { Committed } from '../events/committed.ts';
import type { Registry } from '../registry/registry.ts';
import { claimNotice } from './failure.ts';
import { Outbox } from './outbox.ts';

export interface OpsNotice {
  readonly text: string;
  /** The connector it is about: posted in its ops room. Left out: in every ops room. */
  readonly connector?: string;
  /** A room to leave out, because it is the problem. */
  readonly except?: RoomAddress;
  readonly eventId?: number;
}

/** Addresses of the ops rooms; empty if no `opsRoom` is configured. */
export function opsAddresses(registry: Registry, connector?: string): RoomAddress[] {
  const names = new Set(
    (connector === undefined ? [...registry.connectors] : [connector])
      .map((one) => registry.opsRoom(one))
      .filter((name) => name !== undefined),
  );
  // If the connector has no ops room, its notices go to all others.
  if (names.size === 0 && connector !== undefined) return opsAddresses(registry);
  return [...names].flatMap((name) => registry.rooms.byName(name)?.addresses ?? []);
}

/** Adds a notice to the ops rooms to an outbox. */
export function postToOps(registry: Registry, outbox: Outbox, notice: OpsNotice): void {
  for (const address of opsAddresses(registry, notice.connector)) {
    if (notice.except?.connector === address.connector && notice.except.room === address.room) continue;
    outbox.intend(
      coreMessage(
        address,
        { text: notice.text },
        { eventId: notice.eventId ?? null, line: notice.text.replaceAll('\\', '').replaceAll('`', '') },
      ),
    );
  }
}

/** A message of the bot itself, ahead of bulk. */
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

/** Posts a notice to the ops rooms in its own transaction, at most once per `everyMs` for each `about`. */
export async function noticeOps(
  database: Database,
  registry: Registry,
  notice: OpsNotice & { about: string; everyMs: number },
): Promise<Committed | undefined> {
  return database.transaction(async (transaction) => {
    if (!(await claimNotice(transaction, notice.about, notice.everyMs))) return undefined;
    const outbox = new Outbox();
    postToOps(registry, outbox, notice);
    return outbox.write(transaction);
  });
}
