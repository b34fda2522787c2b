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
const MAX_LOOKS = 20;

export interface Session {
  readonly requests: Requests;
  readonly rooms: Rooms;
  readonly userId: string;
}

/** All joined members. One request, as Matrix has no pages for it (5,000 members are about 400 kB). */
export async function members(session: Session, configured: string, signal: AbortSignal): Promise<Member[]> {
  const ask = (room: string): Promise<JsonObject> =>
    session.requests.request('GET', `${roomPath(room)}/joined_members`, { signal, timeoutMs: 60_000 });
  const room = await session.rooms.find(configured, signal);
  const answer = await ask(room).catch(async (error: unknown) => {
    if (!isMatrixFailure(error) || error.status !== 403) throw error;
    const now = await session.rooms.lookUp(configured, signal);
    if (now.room === room) throw error;
    return await ask(now.room);
  });
  const joined = answer['joined'];
  return Object.entries(isObject(joined) ? joined : {})
    .filter(([id]) => id !== session.userId)
    .map(([id, profile]) => ({
      accountId: id,
      name: cut(clean(text(dig(profile, 'display_name')) ?? id).replaceAll('\n', ' '), 255),
      guest: isGuest(id),
      // Matrix does not tell.
      bot: false,
    }));
}

/** Synapse gives guests, and only them, ids that consist of digits. */
export function isGuest(id: string): boolean {
  return /^@\d+:/.test(id);
}

/**
 * Opens a private room with an address made from the conversation's uuid. An address is unique on the homeserver, so a repeat after a
 * lost response finds the room instead of creating another. The request that creates it also invites people; in a room that exists
 * already, whoever is missing is invited.
 */
export async function openGroup(session: Session, conversation: Conversation, signal: AbortSignal): Promise<string> {
  const alias = aliasOf(session, conversation.uuid);
  const found = await findAlias(session, alias, signal);
  if (found !== undefined) return complete(session, found, conversation, signal);
  const made = await makeRoom(session, conversation, signal);
  if (made !== undefined) return made;
  const others = await findAlias(session, alias, signal);
  if (others === undefined) throw new Error(`the homeserver reports that ${alias} exists, but does not find it`);
  return complete(session, others, conversation, signal);
}

/** The room address for a conversation's uuid. */
export function aliasOf(session: Session, uuid: string): string {
  return `#${localpart(uuid)}:${new UserID(session.userId).domain}`;
}

const localpart = (uuid: string): string => `watchbell-${uuid}`;

/** Undefined: the address exists, because another replica or an earlier request was faster. */
export async function makeRoom(
  session: Session,
  { uuid, name, people }: Conversation,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await session.requests.request('POST', '/_matrix/client/v3/createRoom', {
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
    session.rooms.setJoined(room, true);
    return room;
  } catch (error) {
    // Synapse answers 400 M_ROOM_IN_USE, or 409 M_UNKNOWN for simultaneous requests (measured).
    if (!isMatrixFailure(error) || (error.errcode !== 'M_ROOM_IN_USE' && error.status !== 409)) throw error;
    return undefined;
  }
}

/** The room with an address. */
export async function findAlias(session: Session, alias: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`;
    return text((await session.requests.request('GET', path, { signal }))['room_id']);
  } catch (error) {
    if (isMatrixFailure(error) && error.errcode === 'M_NOT_FOUND') return undefined;
    throw error;
  }
}

async function complete(
  session: Session,
  room: string,
  { people }: Conversation,
  signal: AbortSignal,
): Promise<string> {
  await inviteMissing(session, room, await membershipsSoon(session, room, signal), people, signal);
  return room;
}

/** Invites people who are neither in the room nor invited; `members` is the result of `memberships`. */
export async function inviteMissing(
  session: Session,
  room: string,
  members: ReadonlyMap<string, string>,
  people: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const person of people) {
    if (['join', 'invite'].includes(members.get(person) ?? '')) continue;
    await session.requests.request('POST', `${roomPath(room)}/invite`, { body: { user_id: person }, signal });
  }
}

/** While another request creates the room, its address exists before the bot is a member. */
async function membershipsSoon(
  session: Session,
  room: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  for (let tries = 1; ; tries++) {
    try {
      return await memberships(session, room, signal);
    } catch (error) {
      if (!isMatrixFailure(error) || (error.status !== 403 && error.status !== 404)) throw error;
      // Not a permanent rejection, so that it is retried later.
      if (tries === MAX_LOOKS)
        throw new Error(`the room ${room} does not exist yet, or the bot has left it`, { cause: error });
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }
}

/** Account → `join`, `invite`, `leave`, `ban` or `knock`. */
export async function memberships(
  session: Session,
  room: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const answer = await session.requests.request('GET', `${roomPath(room)}/members`, { signal, timeoutMs: 60_000 });
  const chunk: readonly JsonValue[] = Array.isArray(answer['chunk']) ? answer['chunk'] : [];
  return new Map(
    chunk.map((event) => [text(dig(event, 'state_key')) ?? '', text(dig(event, 'content', 'membership')) ?? '']),
  );
}

export function roomPath(room: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
}
