import { type Query, rerun } from '../db/database.ts';
import { type Lease, LeaseLost } from '../replicas/lease.ts';
import { LOCKING, UNSETTLED } from './message-rows.ts';

/**
 * Keeps which id of the platform a room as written stands for. Where that was another one, the room shows nothing any more:
 * what was under way is as if never attempted, and what is shown of a message is forgotten, also of a dead letter, which may
 * be tried again. True: it was another one.
 */
export async function placeRoom(
  query: Query,
  lease: Lease,
  place: { readonly connector: string; readonly written: string; readonly room: string },
): Promise<boolean> {
  const { connector, written, room } = place;
  const rows = await rerun(() =>
    query<{ moved: boolean }>(
      `with ${UNSETTLED},
       before as materialized (select value from connector_state where connector = $3 and key = 'room ' || $4),
       kept as (
         insert into connector_state (connector, key, value) select $3, 'room ' || $4, $5 from held
         on conflict (connector, key) do update set value = excluded.value where connector_state.value <> excluded.value),
       locked as materialized (
         select m.id from messages m, held, before where before.value <> $5 and m.connector = $3 and m.room = $4
           and (m.copies <> '[]' or m.attempt is not null) ${LOCKING}),
       forgotten as (
         -- Its key may be seen in the old room yet, and must not settle what goes to the new one.
         update messages m set copies = '[]', sends = m.sends + (m.attempt is not null)::int, attempt = null, react = false from locked where m.id = locked.id)
       select coalesce((select value <> $5 from before), false) as moved from held`,
      [lease.name, lease.epoch, connector, written, room],
    ),
  );
  const [held] = rows;
  if (!held) throw new LeaseLost(`the lease ${lease.name} is held elsewhere`);
  return held.moved;
}
