import { messageOf } from '../../errors.ts';
import type { Finding, JsonObject } from '../connector.ts';
import type { Account } from './account.ts';
import { dig, isObject, text } from './json.ts';
import { powerOf } from './power.ts';
import { isMatrixFailure } from './requests.ts';
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
    { ok: true, what: 'token', message: `speaks for ${account.userId}` },
    { ok: true, what: 'device', message: `${account.deviceId}: a repeated send is recognised` },
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
    const { room: id, upgraded } = await rooms.look(written, signal);
    const { joined_rooms: joined } = await requests.request('GET', '/_matrix/client/v3/joined_rooms', { signal });
    if (!Array.isArray(joined) || !joined.includes(id))
      return {
        ...{ ok: false, what },
        message: upgraded
          ? `the room was upgraded to ${id}: invite ${userId} there`
          : `not a member: invite ${userId} there`,
      };
    const state = async (type: string, query = {}): Promise<JsonObject | undefined> =>
      await requests
        .request('GET', `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/state/${type}/`, { query, signal })
        .catch((error: unknown) => {
          if (isMatrixFailure(error) && error.status === 404) return undefined;
          throw error;
        });
    const [levels, encryption, create] = await Promise.all([
      state('m.room.power_levels'),
      state('m.room.encryption'),
      state('m.room.create', { format: 'event' }),
    ]);
    const content = dig(create, 'content');
    // A server that does not know `format` answers with the content alone.
    const power = { levels, create: (isObject(content) ? content : create) ?? {}, creator: text(create?.['sender']) };
    const speak = powerOf(power, userId, 'm.room.message');
    if (speak.has < speak.needs)
      return {
        ok: false,
        what,
        message: `no power to speak: raise the power level of ${userId} there to ${speak.needs}`,
      };
    if (encryption)
      return { ok: false, what, message: 'encrypted: nothing said there can be read; use a room without encryption' };
    const tap = powerOf(power, userId, 'm.reaction');
    const reactions = tap.has < tap.needs ? `; not offer 👀, which needs a power level of ${tap.needs}` : '';
    const moved = upgraded
      ? `the room was upgraded to ${id}${written.startsWith('!') ? '; write that into the configuration' : ''}; `
      : '';
    return { ok: true, what, message: `${moved}joined, may speak${reactions}` };
  } catch (error) {
    return { ok: false, what, message: roomTrouble(error, written, userId) ?? messageOf(error) };
  }
}
