import type { Room, Store } from './store.ts';
import type { JsonMap } from './types.ts';

/**
 * Replaces a room, in the order of Synapse (handlers/room.py, `_upgrade_room`): the new room, the tombstone, the addresses,
 * and finally the levels of the old one, so that only people with power can post there. No one is invited.
 */
export function upgradeRoom(store: Store, old: Room, user: string, version: string): Room {
  const create = old.stateEvent('m.room.create');
  const levels = old.stateEvent('m.room.power_levels')?.content ?? {};
  const isOpen = old.stateEvent('m.room.join_rules')?.content['join_rule'] === 'public';
  const { users: _users, ...power } = levels;
  const state = (room: Room, type: string, content: JsonMap): void =>
    void store.append(room, { type, sender: user, content, stateKey: '' });
  const next = store.createRoom({
    creator: user,
    version,
    public: isOpen,
    power,
    create: { predecessor: { room_id: old.id, event_id: create?.id ?? '' } },
  });
  state(old, 'm.room.tombstone', { body: 'This room has been replaced', replacement_room: next.id });
  for (const [alias, room] of store.aliases) if (room === old.id) store.aliases.set(alias, next.id);
  const canonical = old.stateEvent('m.room.canonical_alias')?.content;
  if (canonical) {
    state(old, 'm.room.canonical_alias', {});
    state(next, 'm.room.canonical_alias', canonical);
  }
  const base = typeof levels['users_default'] === 'number' ? levels['users_default'] : 0;
  const restricted = Math.max(base + 1, 50);
  state(old, 'm.room.power_levels', { ...levels, events_default: restricted, invite: restricted });
  return next;
}
