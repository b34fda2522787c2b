import { randomUUID } from 'node:crypto';
import type { Message, RoomAddress } from '../chat/message.ts';
import type { Room } from '../contract/room.ts';
import type { Database } from '../db/database.ts';
import type { Committed } from '../events/committed.ts';
import type { Registry } from '../registry/registry.ts';
import { claimNotice } from './failure.ts';
import { Outbox } from './outbox.ts';

export interface OpsNotice {
  readonly text: string;
  /** The connector it is about: posted in its ops room. Left out: in every ops room. */
  readonly connector?: string;
  /** A room, or a whole connector, where it cannot be read, because that is the problem. */
  readonly except?: { readonly connector: string; readonly room?: string };
  readonly eventId?: number;
}

/**
 * Where operators can read a notice: the ops room of the connector, or all of them. If it cannot be read there, the failover of the
 * ops room gets it, else the other ops rooms, else it waits in the ops room. Empty if no `opsRoom` is configured.
 */
export function opsAddresses(
  registry: Registry,
  { connector, except }: Pick<OpsNotice, 'connector' | 'except'>,
): RoomAddress[] {
  const rooms = opsRooms(registry, connector);
  const failovers = rooms.flatMap(({ failover }) =>
    failover === undefined ? [] : (registry.rooms.byName(failover) ?? []),
  );
  const isReadable = (address: RoomAddress): boolean =>
    except?.connector !== address.connector || (except.room !== undefined && except.room !== address.room);
  for (const some of [rooms, failovers, opsRooms(registry)]) {
    const readable = some.flatMap(({ addresses }) => addresses).filter(isReadable);
    if (readable.length > 0) return readable;
  }
  // A connector works again some day; a room may never.
  return except?.room === undefined ? rooms.flatMap(({ addresses }) => addresses) : [];
}

/** If the connector has no ops room, its notices go to all others. */
function opsRooms(registry: Registry, connector?: string): Room[] {
  const names = new Set(
    (connector === undefined ? [...registry.connectors] : [connector])
      .map((one) => registry.opsRoom(one))
      .filter((name) => name !== undefined),
  );
  if (names.size === 0 && connector !== undefined) return opsRooms(registry);
  return [...names].flatMap((name) => registry.rooms.byName(name) ?? []);
}

/** Adds a notice to the ops rooms to an outbox. */
export function postToOps(registry: Registry, outbox: Outbox, notice: OpsNotice): void {
  for (const address of opsAddresses(registry, notice))
    outbox.intend(
      coreMessage(
        address,
        { text: notice.text },
        { eventId: notice.eventId ?? null, line: notice.text.replaceAll('\\', '').replaceAll('`', '') },
      ),
    );
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
