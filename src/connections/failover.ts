import { escape, type Message, type RoomAddress } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import { coreMessage } from '../handlers/notice.ts';
import { Outbox } from '../handlers/outbox.ts';
import { endFailoverCopy, FAILOVER_KEY, keepFailoverCopy, withoutFailoverCopy } from '../messages/failover-copies.ts';
import type { MessageRow } from '../messages/message-rows.ts';
import type { Registry } from '../registry/registry.ts';
import type { Lease } from '../replicas/lease.ts';

/** Messages in one transaction. */
const AT_ONCE = 50;

/** `ops`, or `ops on slack` if the room is on other platforms as well, which may still show the message. Escaped. */
export function placeName(registry: Registry, { connector, room: id }: RoomAddress): string {
  const room = registry.rooms.byAddress({ connector, room: id });
  if (!room) return escape(id);
  if (room.addresses.length === 1) return escape(room.name);
  const isOnly = room.addresses.filter((address) => address.connector === connector).length === 1;
  return escape(`${room.name} on ${connector}${isOnly ? '' : ` (${id})`}`);
}

/** Posts a message that cannot be shown in its room in the room's failover, or updates the copy there. It rings if the change would have rung in the room. */
export async function postInFailover(
  { registry, transaction, outbox }: FailoverWrite,
  row: MessageRow,
  message: Message,
  reason: string,
): Promise<void> {
  // What was to be deleted is nothing to show.
  if (row.removed) return followInFailover({ registry, transaction, outbox }, row);
  const addresses = failoverOf(registry, row);
  if (addresses.length === 0) return;
  const ring = await keepFailoverCopy(transaction.query, row.id);
  const note = `_could not be shown in ${placeName(registry, row)}: ${escape(reason)}_`;
  const text = [note, message.text].filter(Boolean).join('\n');
  for (const address of addresses) outbox.intend(coreMessage(address, { ...message, text }, { key: keyOf(row), ring }));
}

/** The room shows the message after all, or it is deleted: the copy in the failover, which changes no more, says where it is, or is deleted too. */
export async function followInFailover(
  { registry, transaction, outbox }: FailoverWrite,
  row: MessageRow,
): Promise<void> {
  if (!(await endFailoverCopy(transaction.query, row.id))) return;
  const { title } = JSON.parse(row.content) as Message;
  const message: Message = {
    // Its state is out of date soon.
    ...(title !== undefined && { title: title.replace(/^\p{Extended_Pictographic}️?\s*/u, '') }),
    text: `_now shown in ${placeName(registry, row)}_`,
    tone: 'neutral',
    notice: true,
  };
  for (const address of failoverOf(registry, row))
    outbox.intend({ ...coreMessage(address, message, { key: keyOf(row) }), removed: row.removed });
}

/** Posts what waits for the connector in failover rooms on other platforms, the most urgent first, each version once; under the connector's lease. */
export async function postWaitingInFailover(connection: FailoverOptions, lease: Lease, reason: string): Promise<void> {
  const { name: connector, database, clock, afterCommit } = connection;
  const registry = connection.registry();
  const rooms = roomsWithFailoverElsewhere(registry, connector);
  if (rooms.length === 0) return;
  const committed = await database.transaction(async (transaction) => {
    const about = { connector, rooms, now: clock.now(), limit: AT_ONCE };
    const outbox = new Outbox();
    for (const row of await withoutFailoverCopy(transaction.query, lease, about))
      await postInFailover({ registry, transaction, outbox }, row, JSON.parse(row.content) as Message, reason);
    return outbox.write(transaction);
  });
  afterCommit.outboxWritten(committed);
}

/** The connector's rooms whose failover is on another platform too. */
export function roomsWithFailoverElsewhere(registry: Registry, connector: string): string[] {
  return registry.rooms.all().flatMap(({ addresses, failover }) => {
    const elsewhere = failover === undefined ? undefined : registry.rooms.byName(failover)?.addresses;
    if (elsewhere?.some((address) => address.connector !== connector) !== true) return [];
    return addresses.flatMap((address) => (address.connector === connector ? [address.room] : []));
  });
}

export interface FailoverOptions {
  readonly name: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly registry: () => Registry;
  readonly afterCommit: Pick<AfterCommit, 'outboxWritten'>;
}

export interface FailoverWrite {
  readonly registry: Registry;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
}

const keyOf = (row: MessageRow): string => `${FAILOVER_KEY}${row.id}`;

/** A message that is a failover copy itself has none: two rooms that are each other's failover would loop forever. */
function failoverOf(registry: Registry, row: MessageRow): RoomAddress[] {
  const name = registry.rooms.byAddress(row)?.failover;
  if (name === undefined || row.key?.startsWith(FAILOVER_KEY) === true) return [];
  const addresses = registry.rooms.byName(name)?.addresses ?? [];
  return addresses.filter(({ connector, room }) => connector !== row.connector || room !== row.room);
}
