import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejected } from '../connector.ts';
import { aliasOf, findAlias, inviteMissing, makeRoom, memberships, roomPath, type Session } from './conversations.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';

const MAX_ADDRESSES = 5;
const LOOK_EVERY_MS = 250;
/** Two seconds: requests have less than four, and Synapse creates a room in well under one. */
const MAX_LOOKS = 8;

/**
 * Opens the conversation with one person: a room whose address is made from the account, so that it is always the same one. Anyone can
 * compute that address and take it first, or bring others into the room. Then the next of a few addresses is used, so that private
 * messages are neither read by others nor blocked.
 */
export async function openDirect(session: Session, account: string, signal: AbortSignal): Promise<string> {
  // Without a name, clients show the room under the name of the other person.
  const conversation = { uuid: `with-${hash('sha256', account, 'hex').slice(0, 32)}`, people: [account], name: '' };
  for (let looks = 1; ; looks++) {
    const found = await findRoom(session, conversation.uuid, account, signal);
    if (found.room) {
      await inviteMissing(session, found.room.id, found.room.members, [account], signal);
      return found.room.id;
    }
    // The address exists before its room has members: another replica may be making it.
    const mayBeComing = found.isHidden && looks < MAX_LOOKS;
    if (!mayBeComing && found.free === undefined)
      throw new Rejected(
        `all ${MAX_ADDRESSES} addresses of the conversation with ${account} (${aliasOf(session, conversation.uuid)}, …-2 to …-${MAX_ADDRESSES}) ` +
          `belong to rooms that the bot did not create or that others are in: remove these addresses on the homeserver`,
      );
    const made = mayBeComing ? undefined : await makeRoom(session, { ...conversation, uuid: found.free ?? '' }, signal);
    if (made !== undefined) return made;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

interface AliasSearch {
  readonly room?: { readonly id: string; readonly members: ReadonlyMap<string, string> };
  /** The first unused address. */
  readonly free?: string;
  /** There is a room that this account is not in. */
  readonly isHidden: boolean;
}

async function findRoom(session: Session, first: string, account: string, signal: AbortSignal): Promise<AliasSearch> {
  let isHidden = false;
  for (let nth = 1; nth <= MAX_ADDRESSES; nth++) {
    const uuid = nth === 1 ? first : `${first}-${nth}`;
    const id = await findAlias(session, aliasOf(session, uuid), signal);
    if (id === undefined) return { free: uuid, isHidden };
    const members = await visible(memberships(session, id, signal));
    if (!members) isHidden = true;
    else if (isBetween(members, session.userId, account) && (await creatorOf(session, id, signal)) === session.userId)
      return { room: { id, members }, isHidden };
  }
  return { isHidden };
}

/** Undefined: only members can see it. */
async function visible<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isMatrixFailure(error) && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}

function isBetween(members: ReadonlyMap<string, string>, bot: string, account: string): boolean {
  const others = [...members].filter(([id, state]) => id !== account && (state === 'join' || state === 'invite'));
  return others.length === 1 && members.get(bot) === 'join';
}

async function creatorOf(session: Session, room: string, signal: AbortSignal): Promise<string | undefined> {
  const query = { format: 'event' };
  const create = await session.requests.request('GET', `${roomPath(room)}/state/m.room.create/`, { query, signal });
  // Servers that do not support `format` return only the content.
  return text(create['sender']) ?? text(dig(create, 'creator'));
}
