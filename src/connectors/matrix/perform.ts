import { codeOf, messageOf } from '../../errors.ts';
import { Gone, keyText, Moved, RateLimited, Rejected, Unauthorised, Unreachable } from '../connector.ts';
import type { FileContent, JsonObject, Operation, RequestKey } from '../connector.ts';
import { bodyOf, editContent, reactionContent, sendContent } from './content.ts';
import { text } from './json.ts';
import type { MatrixBody } from './body.ts';
import { isMatrixFailure } from './requests.ts';
import type { MatrixFailure, Requests } from './requests.ts';
import { roomProblem } from './rooms.ts';
import type { Place, Rooms, Successor } from './rooms.ts';

/** The key from a transaction id; undefined: it is not the bot's. */
export function requestKey(transaction: string): RequestKey | undefined {
  const [, uuid, count] = /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(transaction) ?? [];
  return uuid === undefined ? undefined : { uuid, count: Number(count) };
}

export interface Performing {
  readonly requests: Requests;
  readonly rooms: Rooms;
  /** Tracks rooms that are being replaced or not found yet; undefined before start. */
  readonly moves: Moves | undefined;
  readonly userId: string;
  /** Whether a message is known to have been removed. */
  readonly isGone: (id: string) => boolean;
}

/** The part of `Memberships` that `perform` uses. */
export interface Moves {
  isMoving(configured: string): boolean;
  isAwaitingInvitation(configured: string): boolean;
  switchTo(configured: string, place: Place): void;
}

/** Retry interval while a room is being replaced, which takes a few requests. */
const MOVING_MS = 250;
/** Retry interval while waiting for the invitation to a new room. */
const AWAITING_MS = 2000;

/** Each operation is one PUT with its key as the transaction id: the server performs a key once, and answers a repeat with the same event. */
export async function perform(by: Performing, operation: Operation, signal: AbortSignal): Promise<string> {
  if ((operation.type === 'edit' || operation.type === 'react') && by.isGone(operation.target)) throw new Gone();
  const { room: configured } = operation;
  if (by.moves?.isMoving(configured)) throw new Moved(MOVING_MS);
  const known = by.rooms.known(configured);
  try {
    if (known) return await inRoom(by, operation, known, signal);
    return switchTo(by, configured, await by.rooms.lookUp(configured, signal));
  } catch (error) {
    throw toContractError(error, { ...operation, upgraded: known?.upgraded }, by.userId);
  }
}

/** The core must be told first, and waits until no request is in flight, so this request must fail. */
function switchTo({ moves }: Performing, configured: string, place: Place): never {
  moves?.switchTo(configured, place);
  throw new Moved(MOVING_MS);
}

async function inRoom(by: Performing, operation: Operation, place: Place, signal: AbortSignal): Promise<string> {
  const { room } = place;
  try {
    return await once(by, operation, room, signal);
  } catch (error) {
    if (!isMatrixFailure(error)) throw error;
    if (error.status === 403 && error.errcode === 'M_FORBIDDEN') {
      const now = await by.rooms.lookUp(operation.room, signal).catch(() => undefined);
      if (now && now.room !== room) return switchTo(by, operation.room, now);
      if (by.rooms.isJoined(room)) throw error;
      // Invited meanwhile, or public: try to join once. If that is rejected, its reason is the better one.
      await by.rooms.join(operation.room, signal).catch((rejection: unknown) => {
        const isRefused = isMatrixFailure(rejection) && rejection.status === 403;
        throw isRefused && by.moves?.isAwaitingInvitation(operation.room)
          ? new Moved(AWAITING_MS, rejection)
          : rejection;
      });
      return await once(by, operation, room, signal);
    }
    if (error.errcode === 'M_DUPLICATE_ANNOTATION' && operation.type === 'react') return operation.target;
    if (
      error.status === 400 &&
      operation.type === 'send' &&
      (operation.thread !== undefined || operation.replyTo !== undefined)
    ) {
      // The root is gone, or is itself in a thread (Synapse: "Cannot start threads from an event with a relation").
      // The rejected request stored nothing under the key.
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

/** The body with the address of its uploaded file. */
function uploaded({ part, uploads }: Extract<Operation, { type: 'send' | 'edit' }>): MatrixBody {
  const body = bodyOf(part);
  const url = uploads?.[0];
  return body.file && url !== undefined ? { ...body, file: { ...body.file, url } } : body;
}

/** Resolves to the address of the file; empty if the homeserver rejects it, and its description is shown instead. */
async function upload(
  requests: Requests,
  { name, mediaType, bytes }: FileContent,
  signal: AbortSignal,
): Promise<string> {
  const given = { query: { filename: name }, upload: { bytes: Buffer.from(bytes), type: mediaType }, signal };
  const answer = await requests.request('POST', '/_matrix/media/v3/upload', given).catch((error: unknown) => {
    if (isMatrixFailure(error) && REJECTED_UPLOAD.has(error.status)) return undefined;
    throw error;
  });
  if (!answer) return '';
  const url = text(answer['content_uri']);
  if (url === undefined) throw new Error('the homeserver answered an upload without an address');
  return url;
}

/** The homeserver allows no uploads by this account, or not this large. */
const REJECTED_UPLOAD = new Set([403, 413]);

/** Uploads a picture first. A repeat uploads it again, but its key still makes it the same message. */
async function withImage(requests: Requests, body: MatrixBody, signal: AbortSignal): Promise<MatrixBody> {
  if (!body.image) return body;
  const bytes = Buffer.from(body.image.png, 'base64');
  const given = { query: { filename: 'image.png' }, upload: { bytes, type: 'image/png' }, signal };
  const answer = await requests.request('POST', '/_matrix/media/v3/upload', given).catch((error: unknown) => {
    if (isMatrixFailure(error) && REJECTED_UPLOAD.has(error.status)) return undefined;
    throw error;
  });
  if (!answer) return body;
  const url = text(answer['content_uri']);
  if (url === undefined) throw new Error('the homeserver answered an upload without an address');
  return { ...body, image: { ...body.image, url, size: bytes.length } };
}

/** System calls that fail before any of the request was sent. */
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

/** What failed, for the error's message. */
interface FailedAction {
  readonly type: Operation['type'] | 'members' | 'open';
  readonly room: string;
  /** The room replaced an older one. */
  readonly upgraded?: Successor | undefined;
}

/** Converts an error of a request into one of the contract; an unchanged error means an unknown outcome. */
export function toContractError(error: unknown, operation: FailedAction, userId: string): unknown {
  if (isMatrixFailure(error)) return rejectionOf(error, operation, userId);
  const syscall = typeof error === 'object' && error !== null && 'syscall' in error ? String(error.syscall) : '';
  if (BEFORE_SENDING.has(syscall) || BEFORE_SENDING_CODES.test(codeOf(error) ?? ''))
    return new Unreachable(`the homeserver cannot be reached: ${messageOf(error)}`, error);
  return error;
}

function rejectionOf(error: MatrixFailure, operation: FailedAction, userId: string): unknown {
  if (error.status === 429) return new RateLimited('account', Math.max(1, error.retryAfterMs ?? 1000));
  if (error.status === 401 || LOCKED_OUT.has(error.errcode ?? '')) return new Unauthorised(lockedOut(error), error);
  // 5xx, a proxy's page, "request timed out": it may have been done anyway.
  if (error.status < 400 || error.status >= 500 || error.status === 408 || error.errcode === undefined) {
    return error.status === 413 ? new Rejected('it is too large for the homeserver', error) : error;
  }
  if (error.status === 413) return new Rejected('it is larger than a Matrix event can be (64 KiB)', error);
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
      `the homeserver rejects the invitation (${error.detail || (error.errcode ?? '')}); an account no longer exists, or does not allow invitations`,
      error,
    );
  if (error.status === 403) {
    if (!operation.upgraded && /not in room|not invited|banned|not a member/i.test(error.detail))
      return new Rejected(`${userId} is not in ${operation.room}: invite it there`, error);
    if (/permission|power|level/i.test(error.detail))
      return new Rejected(`${userId} may not do this in ${operation.room}: raise its power level`, error);
  }
  const problem = roomProblem(error, operation.room, userId, operation.upgraded);
  return new Rejected(
    problem ?? `the homeserver answers ${error.errcode}${error.detail ? `: ${error.detail}` : ''}`,
    error,
  );
}

function lockedOut(error: MatrixFailure): string {
  return `the homeserver no longer accepts the bot's access token (${error.errcode ?? error.status}): replace it`;
}
