import type { JsonObject } from '../connector.ts';
import { powerOf } from './power.ts';

const BELL = '@bell:e.org';

test.each<[string, JsonObject, string, JsonObject | undefined, number, number]>([
  ['has its own level', {}, '@ann:e.org', { users: { [BELL]: 20 }, events_default: 10 }, 20, 10],
  ['has that of everybody', {}, '@ann:e.org', { users_default: 5, events_default: 10 }, 5, 10],
  ['has none', {}, '@ann:e.org', {}, 0, 0],
  ['needs what is set for the type', {}, '@ann:e.org', { events: { 'm.room.message': 30 }, events_default: 60 }, 0, 30],
  ['may be given levels as text', {}, '@ann:e.org', { users: { [BELL]: ' 50' }, events_default: '50' }, 50, 50],
  [
    'made an old room and was named',
    { room_version: '11' },
    BELL,
    { users: { [BELL]: 100 }, events_default: 50 },
    100,
    50,
  ],
  ['made an old room and was taken down', { room_version: '11' }, BELL, { events_default: 50 }, 0, 50],
  ['made an old room without levels', { room_version: '11' }, BELL, undefined, 100, 0],
  ['made a very old room without levels', { creator: BELL }, '@ann:e.org', undefined, 100, 0],
  ['is in a room without levels', { room_version: '10', creator: '@ann:e.org' }, BELL, undefined, 0, 0],
  [
    'is an additional creator where that means nothing',
    { room_version: '11', additional_creators: [BELL] },
    '@ann:e.org',
    { events_default: 50 },
    0,
    50,
  ],
  ['made a room of version 12', { room_version: '12' }, BELL, { events_default: 50 }, Infinity, 50],
  [
    'is an additional creator',
    { room_version: '12', additional_creators: [BELL] },
    '@ann:e.org',
    { events: { 'm.room.message': 100 } },
    Infinity,
    100,
  ],
  [
    'made one of a version that was being made',
    { room_version: 'org.matrix.hydra.11' },
    BELL,
    { events_default: 50 },
    Infinity,
    50,
  ],
  [
    'made one of a version based on an old one',
    { room_version: 'org.matrix.msc3757.11' },
    BELL,
    { events_default: 50 },
    0,
    50,
  ],
  [
    'did not make a room of version 12',
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
