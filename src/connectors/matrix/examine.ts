import { messageOf } from '../../errors.ts';
import type { Finding, JsonObject } from '../connector.ts';
import type { Account } from './account.ts';
import { dig, isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';
import { roomTrouble } from './rooms.ts';
import type { Rooms } from './rooms.ts';

/** The account, then one finding a room. */
export async function examine(
  requests: Requests,
  rooms: Rooms,
  account: Account,
  written: readonly string[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [
    { ok: true, what: 'token', says: `speaks for ${account.userId}` },
    { ok: true, what: 'device', says: `${account.deviceId}: a repeated send is recognised` },
  ];
  for (const room of written) findings.push(await examineRoom(requests, rooms, room, account.userId, signal));
  return findings;
}

/** One finding a room: there, joined, may speak, readable. */
async function examineRoom(
  requests: Requests,
  rooms: Rooms,
  written: string,
  userId: string,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `room ${written}`;
  try {
    const id = await rooms.resolve(written, undefined, signal);
    const { joined_rooms: joined } = await requests.request('GET', '/_matrix/client/v3/joined_rooms', { signal });
    if (!Array.isArray(joined) || !joined.includes(id))
      return { ok: false, what, says: `not a member: invite ${userId} there` };
    const state = (type: string): Promise<JsonObject | undefined> =>
      requests
        .request('GET', `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/state/${type}/`, { signal })
        .catch((error: unknown) => {
          if (isMatrixFailure(error) && error.status === 404) return undefined;
          throw error;
        });
    const [power, encryption, create] = await Promise.all([
      state('m.room.power_levels'),
      state('m.room.encryption'),
      state('m.room.create'),
    ]);
    if (!maySpeak(power, create, userId))
      return { ok: false, what, says: `no power to speak: raise the power level of ${userId} there` };
    if (encryption)
      return { ok: false, what, says: 'encrypted: nothing said there can be read; use a room without encryption' };
    return { ok: true, what, says: 'joined, may speak' };
  } catch (error) {
    return { ok: false, what, says: roomTrouble(error, written, userId) ?? messageOf(error) };
  }
}

function maySpeak(power: JsonObject | undefined, create: JsonObject | undefined, userId: string): boolean {
  if (power === undefined) return true;
  const number = (...path: string[]): number | undefined => {
    const value = dig(power, ...path);
    return typeof value === 'number' ? value : undefined;
  };
  const creators = dig(create, 'additional_creators');
  // Room version 12: who made the room stands above all levels and is in none.
  if (Array.isArray(creators) && creators.includes(userId)) return true;
  const mine = number('users', userId) ?? number('users_default') ?? 0;
  return mine >= (number('events', 'm.room.message') ?? number('events_default') ?? 0);
}
