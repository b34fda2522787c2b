import { type Query, rerun } from '../db/database.ts';
import { type Lease, LeaseLost } from '../replicas/lease.ts';
import { LOCK_IN_ORDER } from './message-rows.ts';
import { FENCE } from './lease-fence.ts';

/**
 * Stores the platform's id of a configured room. If it was another one, the new room shows nothing yet: attempts are undone
 * and copies are forgotten, also those of dead letters, which may be replayed. True: it was another one.
 */
export async function storeRoomAddress(
  query: Query,
  lease: Lease,
  place: { readonly connector: string; readonly configuredName: string; readonly room: string },
): Promise<boolean> {
  const { connector, configuredName, room } = place;
  const rows = await rerun(() =>
    query<{ moved: boolean }>(
      `with ${FENCE},
       before as materialized (select value from connector_state where connector = $3 and key = 'room ' || $4),
       kept as (
         insert into connector_state (connector, key, value) select $3, 'room ' || $4, $5 from held
         on conflict (connector, key) do update set value = excluded.value where connector_state.value <> excluded.value),
       locked as materialized (
         select m.id from messages m, held, before where before.value <> $5 and m.connector = $3 and m.room = $4
           and (m.copies <> '[]' or m.attempt is not null) ${LOCK_IN_ORDER}),
       forgotten as (
         -- Its key may still show up in the old room, and must not settle a request for the new one.
         update messages m set copies = '[]', sends = m.sends + (m.attempt is not null)::int, attempt = null, react = false from locked where m.id = locked.id)
       select coalesce((select value <> $5 from before), false) as moved from held`,
      [lease.name, lease.epoch, connector, configuredName, room],
    ),
  );
  const [held] = rows;
  if (!held) throw new LeaseLost(`another replica holds the lease ${lease.name}`);
  return held.moved;
}

/**
 * Stores the platform's id of the conversation with one account. If it was another one, what that one shows is forgotten: an edit
 * would name a message that the new one does not have. Attempts stay, since this is called in the middle of one.
 */
export async function storeDirectRoom(
  query: Query,
  lease: Lease,
  { connector, account, room }: { readonly connector: string; readonly account: string; readonly room: string },
): Promise<void> {
  await rerun(() =>
    query(
      `with ${FENCE},
       before as materialized (select room from direct_rooms where connector = $3 and account = $4),
       kept as (
         insert into direct_rooms (connector, account, room) select $3, $4, $5 from held
         on conflict (connector, account) do update set room = excluded.room),
       locked as materialized (
         select m.id from messages m, held, before where before.room <> $5 and m.connector = $3
           and (m.room = 'direct:' || $4 or m.visible_to = $4) and m.copies <> '[]' and m.attempt is null ${LOCK_IN_ORDER})
       update messages m set copies = '[]', react = false from locked where m.id = locked.id`,
      [lease.name, lease.epoch, connector, account, room],
    ),
  );
}
