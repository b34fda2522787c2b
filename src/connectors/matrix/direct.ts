import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rejected } from '../connector.ts';
import { aliasOf, findAlias, inviteMissing, makeRoom, memberships, roomPath, type Speaking } from './conversations.ts';
import { dig, text } from './json.ts';
import { isMatrixFailure } from './requests.ts';

const MOST_ADDRESSES = 5;
const LOOK_EVERY_MS = 250;
/** Two seconds: a request of a holder has less than four, and Synapse makes a room in well under one. */
const MOST_LOOKS = 8;

/**
 * The conversation with one person: a room whose address is made of the account, so that there is one for ever. Anybody can
 * compute that address and take it first, or bring others into the room: then the next of a few addresses is used, so that
 * what is for one person alone is neither read by others nor kept from them.
 */
export async function openDirect(by: Speaking, account: string, signal: AbortSignal): Promise<string> {
  // Without a name clients show the room as the person who is in it.
  const conversation = { uuid: `with-${hash('sha256', account, 'hex').slice(0, 32)}`, people: [account], name: '' };
  for (let looks = 1; ; looks++) {
    const found = await look(by, conversation.uuid, account, signal);
    if (found.room) {
      await inviteMissing(by, found.room.id, found.room.members, [account], signal);
      return found.room.id;
    }
    // The address exists before its room has members: another replica may be making it.
    const mayBeComing = found.isHidden && looks < MOST_LOOKS;
    if (!mayBeComing && found.free === undefined)
      throw new Rejected(
        `all ${MOST_ADDRESSES} addresses of the conversation with ${account} (${aliasOf(by, conversation.uuid)}, …-2 to …-${MOST_ADDRESSES}) ` +
          `belong to rooms that the bot did not make or that others are in: remove these addresses on the homeserver`,
      );
    const made = mayBeComing ? undefined : await makeRoom(by, { ...conversation, uuid: found.free ?? '' }, signal);
    if (made !== undefined) return made;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

interface AliasSearch {
  readonly room?: { readonly id: string; readonly members: ReadonlyMap<string, string> };
  /** The first address that nobody has. */
  readonly free?: string;
  /** A room is there that this account is not in. */
  readonly isHidden: boolean;
}

async function look(by: Speaking, first: string, account: string, signal: AbortSignal): Promise<AliasSearch> {
  let isHidden = false;
  for (let nth = 1; nth <= MOST_ADDRESSES; nth++) {
    const uuid = nth === 1 ? first : `${first}-${nth}`;
    const id = await findAlias(by, aliasOf(by, uuid), signal);
    if (id === undefined) return { free: uuid, isHidden };
    const members = await seen(memberships(by, id, signal));
    if (!members) isHidden = true;
    else if (isBetween(members, by.userId, account) && (await creatorOf(by, id, signal)) === by.userId)
      return { room: { id, members }, isHidden };
  }
  return { isHidden };
}

/** Undefined: it cannot be seen from outside. */
async function seen<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMatrixFailure(error) && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}

function isBetween(members: ReadonlyMap<string, string>, bot: string, account: string): boolean {
  const others = [...members].filter(([id, state]) => id !== account && (state === 'join' || state === 'invite'));
  return others.length === 1 && members.get(bot) === 'join';
}

async function creatorOf(by: Speaking, room: string, signal: AbortSignal): Promise<string | undefined> {
  const query = { format: 'event' };
  const create = await by.requests.request('GET', `${roomPath(room)}/state/m.room.create/`, { query, signal });
  // A server that does not know `format` answers with the content alone.
  return text(create['sender']) ?? text(dig(create, 'creator'));
}
