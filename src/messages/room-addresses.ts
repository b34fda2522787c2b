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
