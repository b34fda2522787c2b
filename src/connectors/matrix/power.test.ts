import type { JsonObject } from '../connector.ts';
import { powerOf } from './power.ts';

const BELL = '@bell:e.org';

test.each<[string, JsonObject, string, JsonObject | undefined, number, number]>([
  ['has its own level', {}, '@ann:e.org', { users: { [BELL]: 20 }, events_default: 10 }, 20, 10],
  ['has the default level', {}, '@ann:e.org', { users_default: 5, events_default: 10 }, 5, 10],
  ['has no level', {}, '@ann:e.org', {}, 0, 0],
  [
    'needs the level of the event type',
    {},
    '@ann:e.org',
    { events: { 'm.room.message': 30 }, events_default: 60 },
    0,
    30,
  ],
  ['has levels given as text', {}, '@ann:e.org', { users: { [BELL]: ' 50' }, events_default: '50' }, 50, 50],
  [
    'created an old room and has a level',
    { room_version: '11' },
    BELL,
    { users: { [BELL]: 100 }, events_default: 50 },
    100,
    50,
  ],
  ['created an old room and lost its level', { room_version: '11' }, BELL, { events_default: 50 }, 0, 50],
  ['created an old room without levels', { room_version: '11' }, BELL, undefined, 100, 0],
  ['created a very old room without levels', { creator: BELL }, '@ann:e.org', undefined, 100, 0],
  ['is in a room without levels', { room_version: '10', creator: '@ann:e.org' }, BELL, undefined, 0, 0],
  [
    'is an additional creator in a version without those',
    { room_version: '11', additional_creators: [BELL] },
    '@ann:e.org',
    { events_default: 50 },
    0,
    50,
  ],
  ['created a room of version 12', { room_version: '12' }, BELL, { events_default: 50 }, Infinity, 50],
  [
    'is an additional creator',
    { room_version: '12', additional_creators: [BELL] },
    '@ann:e.org',
    { events: { 'm.room.message': 100 } },
    Infinity,
    100,
  ],
  [
    'created a room of a preview of version 12',
    { room_version: 'org.matrix.hydra.11' },
    BELL,
    { events_default: 50 },
    Infinity,
    50,
  ],
  [
    'created a room of a preview based on an old version',
    { room_version: 'org.matrix.msc3757.11' },
    BELL,
    { events_default: 50 },
    0,
    50,
  ],
  [
    'did not create a room of version 12',
    { room_version: '12', creator: BELL },
    '@ann:e.org',
    { users_default: 1, events_default: 50 },
    1,
    50,
  ],
  ['is in a room of version 12 without levels', { room_version: '12' }, '@ann:e.org', undefined, 0, 0],
])('an account that %s', (_, create, creator, levels, has, needs) => {
  expect(powerOf({ create, creator, levels }, BELL, 'm.room.message')).toEqual({ has, needs });
});
