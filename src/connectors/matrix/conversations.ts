import { setTimeout as sleep } from 'node:timers/promises';
import { cut } from '../../chat/cut.ts';
import { clean } from '../../chat/markdown.ts';
import type { Conversation, JsonObject, JsonValue, Member } from '../connector.ts';
import { dig, isObject, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';
import type { Rooms } from './rooms.ts';
import { UserID } from './sdk.ts';

const LOOK_EVERY_MS = 250;
const MOST_LOOKS = 20;

export interface Speaking {
  readonly requests: Requests;
  readonly rooms: Rooms;
  readonly userId: string;
}

/** Everybody joined. One request: Matrix has no pages for it (5,000 members are about 400 kB). */
export async function members(by: Speaking, written: string, signal: AbortSignal): Promise<Member[]> {
  const ask = (room: string): Promise<JsonObject> =>
    by.requests.request('GET', `${roomPath(room)}/joined_members`, { signal, timeoutMs: 60_000 });
  const room = await by.rooms.find(written, signal);
  const answer = await ask(room).catch(async (error: unknown) => {
    if (!isMatrixFailure(error) || error.status !== 403) throw error;
    const now = await by.rooms.look(written, signal);
    if (now.room === room) throw error;
    return await ask(now.room);
  });
  const joined = answer['joined'];
  return Object.entries(isObject(joined) ? joined : {})
    .filter(([id]) => id !== by.userId)
    .map(([id, profile]) => ({
      accountId: id,
      name: cut(clean(text(dig(profile, 'display_name')) ?? id).replaceAll('\n', ' '), 255),
      guest: isGuest(id),
      // The platform does not say it.
      bot: false,
    }));
}

/** Synapse gives guests, and only them, an id of nothing but digits. */
export function isGuest(id: string): boolean {
  return /^@\d+:/.test(id);
}

/**
 * A private room under an address made of the conversation's uuid: the homeserver lets an address exist once, so a repeat
 * after a lost answer finds the room instead of making another. People are invited by the request that makes it; whoever
 * is not in a room that is there already (it is used again, or its making was cut short) is invited then.
 */
export async function openGroup(by: Speaking, conversation: Conversation, signal: AbortSignal): Promise<string> {
  const alias = aliasOf(by, conversation.uuid);
  const found = await findAlias(by, alias, signal);
  if (found !== undefined) return complete(by, found, conversation, signal);
  const made = await makeRoom(by, conversation, signal);
  if (made !== undefined) return made;
  const others = await findAlias(by, alias, signal);
  if (others === undefined) throw new Error(`the homeserver says that ${alias} is taken, and does not find it`);
  return complete(by, others, conversation, signal);
}

/** The address of the conversation with this uuid. */
export function aliasOf(by: Speaking, uuid: string): string {
  return `#${localpart(uuid)}:${new UserID(by.userId).domain}`;
}

const localpart = (uuid: string): string => `watchbell-${uuid}`;

/** Undefined: another replica was faster, or an answer is on its way that nobody waits for any more. */
export async function makeRoom(
  by: Speaking,
  { uuid, name, people }: Conversation,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await by.requests.request('POST', '/_matrix/client/v3/createRoom', {
      signal,
      timeoutMs: 60_000,
      body: {
        preset: 'private_chat',
        visibility: 'private',
        is_direct: true,
        ...(name !== '' && { name }),
        room_alias_name: localpart(uuid),
        invite: people,
      },
    });
    const room = text(answer['room_id']);
    if (room === undefined) throw new Error('the homeserver answered createRoom without a room id');
    by.rooms.setJoined(room, true);
    return room;
  } catch (error) {
    // Synapse says 400 M_ROOM_IN_USE, and 409 M_UNKNOWN when both came in the same moment (measured).
    if (!isMatrixFailure(error) || (error.errcode !== 'M_ROOM_IN_USE' && error.status !== 409)) throw error;
    return undefined;
  }
}

/** The room that an address stands for. */
export async function findAlias(by: Speaking, alias: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`;
    return text((await by.requests.request('GET', path, { signal }))['room_id']);
  } catch (error) {
    if (isMatrixFailure(error) && error.errcode === 'M_NOT_FOUND') return undefined;
    throw error;
  }
}

async function complete(by: Speaking, room: string, { people }: Conversation, signal: AbortSignal): Promise<string> {
  await inviteMissing(by, room, await membershipsSoon(by, room, signal), people, signal);
  return room;
}

/** Invites who is not in a room; `members` as `memberships` resolves to. */
export async function inviteMissing(
  by: Speaking,
  room: string,
  members: ReadonlyMap<string, string>,
  people: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const person of people) {
    if (['join', 'invite'].includes(members.get(person) ?? '')) continue;
    await by.requests.request('POST', `${roomPath(room)}/invite`, { body: { user_id: person }, signal });
  }
}

/** An address exists before the room has its members: while another request makes it, we are not in it yet. */
async function membershipsSoon(by: Speaking, room: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  for (let tries = 1; ; tries++) {
    try {
      return await memberships(by, room, signal);
    } catch (error) {
      if (!isMatrixFailure(error) || (error.status !== 403 && error.status !== 404)) throw error;
      // Not refused for good, so it is tried again later.
      if (tries === MOST_LOOKS)
        throw new Error(`the room ${room} is not there yet, or I have left it`, { cause: error });
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }
}

/** Account → `join`, `invite`, `leave`, `ban` or `knock`. */
export async function memberships(
  by: Speaking,
  room: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const answer = await by.requests.request('GET', `${roomPath(room)}/members`, { signal, timeoutMs: 60_000 });
  const chunk: readonly JsonValue[] = Array.isArray(answer['chunk']) ? answer['chunk'] : [];
  return new Map(
    chunk.map((event) => [text(dig(event, 'state_key')) ?? '', text(dig(event, 'content', 'membership')) ?? '']),
  );
}

export function roomPath(room: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
}
