import { codeOf, messageOf } from '../../errors.ts';
import { Gone, keyText, Moved, RateLimited, Rejected, Unauthorised, Unreachable } from '../connector.ts';
import type { FileContent, JsonObject, Operation, RequestKey } from '../connector.ts';
import { bodyOf, editContent, reactionContent, sendContent } from './content.ts';
import { text } from './json.ts';
import type { MatrixBody } from './render.ts';
import { isMatrixFailure } from './requests.ts';
import type { MatrixFailure, Requests } from './requests.ts';
import { roomTrouble } from './rooms.ts';
import type { Place, Rooms, Successor } from './rooms.ts';

/** The key of a transaction id; undefined: it is not one of ours. */
export function requestKey(transaction: string): RequestKey | undefined {
  const [, uuid, count] = /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(transaction) ?? [];
  return uuid === undefined ? undefined : { uuid, count: Number(count) };
}

export interface Performing {
  readonly requests: Requests;
  readonly rooms: Rooms;
  /** Which room is meant is being changed, or not found yet; undefined where nobody was asked to look. */
  readonly moves: Moves | undefined;
  readonly userId: string;
  /** Messages that somebody took away, as far as they were seen. */
  readonly isGone: (id: string) => boolean;
}

/** What `perform` asks of `Memberships`. */
export interface Moves {
  isMoving(written: string): boolean;
  isAwaited(written: string): boolean;
  goOn(written: string, place: Place): void;
}

/** While a room becomes another one; that takes a few requests. */
const MOVING_MS = 250;
/** While the invitation to a new room is awaited. */
const AWAITING_MS = 2000;

/** One operation is one PUT with its key as the transaction id: the server does the same key once, and answers a repeat with the event it made. */
export async function perform(by: Performing, operation: Operation, signal: AbortSignal): Promise<string> {
  if ((operation.type === 'edit' || operation.type === 'react') && by.isGone(operation.target)) throw new Gone();
  const { room: written } = operation;
  if (by.moves?.isMoving(written)) throw new Moved(MOVING_MS);
  const known = by.rooms.known(written);
  try {
    if (known) return await inRoom(by, operation, known, signal);
    return goOn(by, written, await by.rooms.look(written, signal));
  } catch (error) {
    throw classified(error, { ...operation, upgraded: known?.upgraded }, by.userId);
  }
}

/** The core must hear of it first, which waits until nothing is on its way: so never in the course of a request. */
function goOn({ moves }: Performing, written: string, place: Place): never {
  moves?.goOn(written, place);
  throw new Moved(MOVING_MS);
}

async function inRoom(by: Performing, operation: Operation, place: Place, signal: AbortSignal): Promise<string> {
  const { room } = place;
  try {
    return await once(by, operation, room, signal);
  } catch (error) {
    if (!isMatrixFailure(error)) throw error;
    if (error.status === 403 && error.errcode === 'M_FORBIDDEN') {
      const now = await by.rooms.look(operation.room, signal).catch(() => undefined);
      if (now && now.room !== room) return goOn(by, operation.room, now);
      if (by.rooms.isJoined(room)) throw error;
      // Invited meanwhile, or open to all: one try. When that is refused, its reason is the better one.
      await by.rooms.join(operation.room, signal).catch((refused: unknown) => {
        const isRefused = isMatrixFailure(refused) && refused.status === 403;
        throw isRefused && by.moves?.isAwaited(operation.room) ? new Moved(AWAITING_MS, refused) : refused;
      });
      return await once(by, operation, room, signal);
    }
    if (error.errcode === 'M_DUPLICATE_ANNOTATION' && operation.type === 'react') return operation.target;
    if (
      error.status === 400 &&
      operation.type === 'send' &&
      (operation.thread !== undefined || operation.replyTo !== undefined)
    ) {
      // The root is gone, or is itself part of a thread (Synapse: "Cannot start threads from an event with a relation").
      // Nothing was stored under the key by the refused try.
      return await once(by, { ...operation, thread: undefined, replyTo: undefined }, room, signal);
    }
    throw error;
  }
}

async function once(
  { requests }: Performing,
  operation: Operation,
  room: string,
  signal: AbortSignal,
): Promise<string> {
  const at = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
  const put = (path: string, body: JsonObject): Promise<JsonObject> =>
    requests.request('PUT', `${at}/${path}/${keyText(operation.key)}`, { body, signal });
  switch (operation.type) {
    case 'upload':
      return upload(requests, operation.file, signal);
    case 'send': {
      const body = await withImage(requests, uploaded(operation), signal);
      const answer = await put('send/m.room.message', sendContent(body, operation.replyTo, operation.thread));
      const id = text(answer['event_id']);
      if (id === undefined) throw new Error('the homeserver answered a send without an event id');
      return id;
    }
    case 'edit':
      await put(
        'send/m.room.message',
        editContent(await withImage(requests, uploaded(operation), signal), operation.target),
      );
      return operation.target;
    case 'react':
      await put('send/m.reaction', reactionContent(operation.target, operation.emoji));
      return operation.target;
    case 'delete':
      await put(`redact/${encodeURIComponent(operation.target)}`, {});
      return operation.target;
  }
}

/** The body with the address of its file. */
function uploaded({ part, uploads }: Extract<Operation, { type: 'send' | 'edit' }>): MatrixBody {
  const body = bodyOf(part);
  const url = uploads?.[0];
  return body.file && url !== undefined ? { ...body, file: { ...body.file, url } } : body;
}

/** Resolves to the address of the file; empty: the homeserver does not take it, and its words are shown instead. */
async function upload(
  requests: Requests,
  { name, mediaType, bytes }: FileContent,
  signal: AbortSignal,
): Promise<string> {
  const given = { query: { filename: name }, upload: { bytes: Buffer.from(bytes), type: mediaType }, signal };
  const answer = await requests.request('POST', '/_matrix/media/v3/upload', given).catch((error: unknown) => {
    if (isMatrixFailure(error) && NO_PICTURES.has(error.status)) return undefined;
    throw error;
  });
  if (!answer) return '';
  const url = text(answer['content_uri']);
  if (url === undefined) throw new Error('the homeserver answered an upload without an address');
  return url;
}

/** The homeserver takes no uploads of this account, or none so large: its words are shown instead. */
const NO_PICTURES = new Set([403, 413]);

/** A picture is uploaded first. A repeat uploads it again, and its key makes it the same message all the same. */
async function withImage(requests: Requests, body: MatrixBody, signal: AbortSignal): Promise<MatrixBody> {
  if (!body.image) return body;
  const bytes = Buffer.from(body.image.png, 'base64');
  const given = { query: { filename: 'image.png' }, upload: { bytes, type: 'image/png' }, signal };
  const answer = await requests.request('POST', '/_matrix/media/v3/upload', given).catch((error: unknown) => {
    if (isMatrixFailure(error) && NO_PICTURES.has(error.status)) return undefined;
    throw error;
  });
  if (!answer) return body;
  const url = text(answer['content_uri']);
  if (url === undefined) throw new Error('the homeserver answered an upload without an address');
  return { ...body, image: { ...body.image, url, size: bytes.length } };
}

/** System calls that fail before a byte of the request was sent. */
const BEFORE_SENDING = new Set(['connect', 'getaddrinfo']);
const BEFORE_SENDING_CODES =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL_|ERR_PROXY_TUNNEL)/;
const LOCKED_OUT = new Set([
  'M_UNKNOWN_TOKEN',
  'M_MISSING_TOKEN',
  'M_USER_DEACTIVATED',
  'M_USER_SUSPENDED',
  'M_USER_LOCKED',
  'M_CONSENT_NOT_GIVEN',
]);

/** What an error was about, for its words. */
interface Concerned {
  readonly type: Operation['type'] | 'members' | 'open';
  readonly room: string;
  /** The room is what an older one became. */
  readonly upgraded?: Successor | undefined;
}

/** Makes the contract's errors of what a request threw; what stays as it is has an unknown outcome. */
export function classified(error: unknown, operation: Concerned, userId: string): unknown {
  if (isMatrixFailure(error)) return refused(error, operation, userId);
  const syscall = typeof error === 'object' && error !== null && 'syscall' in error ? String(error.syscall) : '';
  if (BEFORE_SENDING.has(syscall) || BEFORE_SENDING_CODES.test(codeOf(error) ?? ''))
    return new Unreachable(`the homeserver cannot be reached: ${messageOf(error)}`, error);
  return error;
}

function refused(error: MatrixFailure, operation: Concerned, userId: string): unknown {
  if (error.status === 429) return new RateLimited('account', Math.max(1, error.retryAfterMs ?? 1000));
  if (error.status === 401 || LOCKED_OUT.has(error.errcode ?? '')) return new Unauthorised(lockedOut(error), error);
  // 5xx, a proxy's page, "request timed out": it may have been done all the same.
  if (error.status < 400 || error.status >= 500 || error.status === 408 || error.errcode === undefined) {
    return error.status === 413 ? new Rejected('the homeserver says it is too large', error) : error;
  }
  if (error.status === 413) return new Rejected('it is larger than a Matrix event may be (64 KiB)', error);
  if (error.status === 404 && operation.type === 'delete') return new Gone(error);
  if (
    error.status === 400 &&
    operation.type !== 'send' &&
    operation.type !== 'open' &&
    /unknown event/i.test(error.detail)
  )
    return new Gone(error);
  if (error.status === 403 && operation.type === 'open')
    return new Rejected(
      `the homeserver refuses the invitation (${error.detail || (error.errcode ?? '')}); an account is gone, or lets nobody invite it`,
      error,
    );
  if (error.status === 403) {
    if (!operation.upgraded && /not in room|not invited|banned|not a member/i.test(error.detail))
      return new Rejected(`${userId} is not in ${operation.room}: invite it there`, error);
    if (/permission|power|level/i.test(error.detail))
      return new Rejected(`${userId} may not do this in ${operation.room}: raise its power level`, error);
  }
  const trouble = roomTrouble(error, operation.room, userId, operation.upgraded);
  return new Rejected(
    trouble ?? `the homeserver says ${error.errcode}${error.detail ? `: ${error.detail}` : ''}`,
    error,
  );
}

function lockedOut(error: MatrixFailure): string {
  return `the homeserver does not take the bot's access token any more (${error.errcode ?? error.status}): put a new one in place`;
}
