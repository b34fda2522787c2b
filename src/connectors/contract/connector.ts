import type { Message } from '../../chat/message.ts';
import type { Capabilities } from './capabilities.ts';
import type { ConnectorHost } from './host.ts';
import type { Sender } from './incoming-event.ts';
import type { InteractionTarget, Operation, Part } from './operation.ts';
import type { Route } from './route.ts';

/**
 * The contract between the core and one account on one chat platform.
 *
 * A connector implements its platform's protocol and nothing else: it turns incoming data into `IncomingEvent`s, and performs one
 * `Operation` at a time. Delivery decides what to send, in which order, when, and whether to retry.
 * `src/connectors/conformance.ts` is this contract as tests.
 */
export interface Connector {
  readonly capabilities: Capabilities;

  /**
   * Connects and receives until `stop`. Resolves once the account is known to work.
   * @throws {Unauthorised} when the token is rejected. Any other error means "not reachable now", and is retried.
   */
  start(host: ConnectorHost): Promise<void>;

  /** Stops receiving; resolves when nothing is running. May be called twice, and before `start` has settled. */
  stop(): Promise<void>;

  /**
   * Renders a message as one or more parts. The parts are stored, so that a repeat is identical. Each part must fit both as a new
   * message *and* as an edit. Pure.
   */
  render(message: Message, options: RenderOptions): Part[];

  /**
   * Performs one operation under its idempotency key; resolves to the platform's id of the message. Must settle within 100 ms after
   * `signal` aborts.
   * @throws {RateLimited} not done; retry after `retryAfterMs`.
   * @throws {Rejected} not done, and never will be: the message becomes a dead letter.
   * @throws {Gone} the message to edit or delete no longer exists.
   * @throws {Unauthorised} not done: the account is locked out. The connector is paused, and nothing becomes a dead letter.
   * @throws {Unreachable} not done: nothing was sent.
   * @throws {Moved} not done: the room is being replaced by another one; retry after `retryAfterMs`.
   * @throws Anything else: the outcome is unknown, and the same operation is repeated under the same key.
   */
  perform(operation: Operation, signal: AbortSignal): Promise<string>;

  /**
   * Names further rate-limit buckets that an operation uses, such as `chat.update` for edits; all operations use `account` and
   * `room:ROOM`. While a bucket is exhausted, operations that do not use it continue. Pure.
   */
  buckets?(operation: Operation): readonly string[];

  /**
   * Returns all members of a room except the bot, however many pages that takes. Also works before `start`.
   * @throws like `perform`.
   */
  members?(room: string, signal: AbortSignal): Promise<readonly Member[]>;

  /**
   * Opens the conversation with one person; resolves to its room. It must always be the same room, for any replica, any number of
   * calls, and after a lost response. A person who has left is invited again; for that, the core calls this again before a new
   * message if the last call was over a minute ago. Also works before `start`. Must settle within 100 ms after `signal` aborts.
   * @throws like `perform`.
   */
  openDirect?(accountId: string, signal: AbortSignal): Promise<string>;

  /**
   * Opens a private conversation with several people; resolves to its room. `uuid` identifies it on the platform: a call with the
   * same uuid must return the same room, even after a lost response, and invites whoever is missing. Also works before `start`.
   * Must settle within 100 ms after `signal` aborts.
   * @throws like `perform`.
   */
  openGroup?(conversation: Conversation, signal: AbortSignal): Promise<string>;

  /** Sets the topic of a room. @throws like `perform`. */
  setTopic?(room: string, text: string, signal: AbortSignal): Promise<void>;

  /** Makes exactly these accounts the members of a group on the platform. @throws like `perform`. */
  setGroup?(group: string, accounts: readonly string[], signal: AbortSignal): Promise<void>;

  /** HTTP routes under `/webhooks/PLATFORM/NAME`. Every replica serves them, without a lease and without `start`. */
  readonly routes?: readonly Route[];

  /** Checks the account and the rooms for `watchbell doctor`. */
  examine?(rooms: readonly string[], signal: AbortSignal): Promise<Finding[]>;
}

/** A member of a room. */
export type Member = Sender;

export interface Conversation {
  readonly uuid: string;
  /** Account ids, without the bot. */
  readonly people: readonly string[];
  /** The name of the room, if the platform supports one. */
  readonly name: string;
  /** The room that it belongs to, for platforms where conversations are part of one. */
  readonly parent?: string;
}

export interface Finding {
  readonly ok: boolean;
  /** What was checked: `token`, `device`, `room #ops:example.org`. */
  readonly what: string;
  /** One sentence; if not ok, with the remedy. */
  readonly message: string;
}

export interface RenderOptions {
  /** For new messages: whether this one should notify. Matrix sends notices that should not as `m.notice`. */
  readonly ring: boolean;
  /** What a press on its actions must report. Left out if there are no actions. */
  readonly press?: InteractionTarget;
}
