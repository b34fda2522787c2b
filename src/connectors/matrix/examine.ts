import { messageOf } from '../../errors.ts';
import type { Finding, JsonObject } from '../connector.ts';
import type { Account } from './account.ts';
import { dig, isObject, text } from './json.ts';
import { powerOf } from './power.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';
import { roomProblem } from './rooms.ts';
import type { Rooms } from './rooms.ts';

/** Checks the account and each room. */
export async function examine(
  requests: Requests,
  rooms: Rooms,
  account: Account,
  configured: readonly string[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [
    { ok: true, what: 'token', message: `logged in as ${account.userId}` },
    { ok: true, what: 'device', message: `${account.deviceId}: repeated sends are recognised` },
  ];
  for (const room of configured) findings.push(await examineRoom(requests, rooms, room, account.userId, signal));
  return findings;
}

/** Checks that the room exists, and that the bot is a member, may post, and can read messages. */
async function examineRoom(
  requests: Requests,
  rooms: Rooms,
  configured: string,
  userId: string,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `room ${configured}`;
  try {
    const { room: id, upgraded } = await rooms.lookUp(configured, signal);
    const { joined_rooms: joined } = await requests.request('GET', '/_matrix/client/v3/joined_rooms', { signal });
    if (!Array.isArray(joined) || !joined.includes(id)) {
      if (await isInvited(requests, id, signal))
        return { ok: true, what, message: 'invited: the bot accepts the invitation when it runs' };
      return {
        ...{ ok: false, what },
        message: upgraded
          ? `the room was upgraded to ${id}: invite ${userId} there`
          : `not a member: invite ${userId} there`,
      };
    }
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
    // Servers that do not support `format` return only the content.
    const power = { levels, create: (isObject(content) ? content : create) ?? {}, creator: text(create?.['sender']) };
    const speak = powerOf(power, userId, 'm.room.message');
    if (speak.has < speak.needs)
      return {
        ok: false,
        what,
        message: `may not post: raise the power level of ${userId} there to ${speak.needs}`,
      };
    if (encryption)
      return { ok: false, what, message: 'encrypted: messages there cannot be read; use a room without encryption' };
    const tap = powerOf(power, userId, 'm.reaction');
    const reactions = tap.has < tap.needs ? `, but not add 👀, which needs power level ${tap.needs}` : '';
    const moved = upgraded
      ? `the room was upgraded to ${id}${configured.startsWith('!') ? '; put that id into the configuration' : ''}; `
      : '';
    return { ok: true, what, message: `${moved}joined, may post${reactions}` };
  } catch (error) {
    return { ok: false, what, message: roomProblem(error, configured, userId) ?? messageOf(error) };
  }
}

const INVITES_ONLY = JSON.stringify({
  room: {
    timeline: { limit: 1, types: [] },
    state: { types: [] },
    ephemeral: { types: [] },
    account_data: { types: [] },
  },
  presence: { types: [] },
  account_data: { types: [] },
});

/** Only /sync lists invitations; without `since` it takes nothing away from a running bot. */
async function isInvited(requests: Requests, room: string, signal: AbortSignal): Promise<boolean> {
  const query = { filter: INVITES_ONLY, timeout: 0 };
  const answer = await requests.request('GET', '/_matrix/client/v3/sync', { query, signal });
  const invites = dig(answer, 'rooms', 'invite');
  return isObject(invites) && Object.hasOwn(invites, room);
}
