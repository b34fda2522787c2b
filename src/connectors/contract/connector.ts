import type { Message } from '../../chat/message.ts';
import type { Capabilities } from './capabilities.ts';
import type { ConnectorHost } from './host.ts';
import type { Sender } from './incoming-event.ts';
import type { InteractionTarget, Operation, Part } from './operation.ts';
import type { Route } from './route.ts';

/**
 * The contract between the core and one account on one chat platform.
 *
 * A connector knows its platform's protocol and nothing else: it turns what arrives into `IncomingEvent`s, and
 * performs the one `Operation` it is handed. What to send, in which order, when, and whether again, is for delivery to decide.
 * `src/connectors/conformance.ts` is this contract as tests.
 */
export interface Connector {
  readonly capabilities: Capabilities;

  /**
   * Connects and keeps receiving until `stop`. Resolves once the account is known to work.
   * @throws {Unauthorised} the token is refused. Anything else is taken as "not reachable now" and started again.
   */
  start(host: ConnectorHost): Promise<void>;

  /** Stops receiving and resolves when nothing runs any more. Safe to call twice, and before `start` has settled. */
  stop(): Promise<void>;

  /**
   * Cuts a message into the parts that the platform takes, once; the parts are stored, so that a repeat is identical.
   * Each part must fit when sent *and* when it is later an edit. Pure.
   */
  render(message: Message, options: RenderOptions): Part[];

  /**
   * Performs one operation under its idempotency key and resolves to the platform's id of the message concerned.
   * Must settle before `signal` aborts plus 100 ms.
   * @throws {RateLimited} not done; ask again after `retryAfterMs`.
   * @throws {Rejected} never will be done: it becomes a dead letter.
   * @throws {Gone} the message to edit or delete is not there any more.
   * @throws {Unauthorised} the account is locked out: the connector is paused, nothing becomes a dead letter.
   * @throws {Unreachable} certainly not done: nothing was sent.
   * @throws {Moved} not done: the room is becoming another one; ask again after `retryAfterMs`.
   * @throws Anything else: the outcome is unknown, and the same operation comes again under the same key.
   */
  perform(operation: Operation, signal: AbortSignal): Promise<string>;

  /**
   * Further buckets of the platform's rate limits that an operation draws from, besides `account` and `room:ROOM`, from which
   * all do: `chat.update` for edits. While one is closed, what does not draw from it goes on. Pure.
   */
  buckets?(operation: Operation): readonly string[];

  /**
   * Everybody who is in a room, however many pages that takes, without the bot itself. Works before `start` too.
   * @throws what `perform` throws.
   */
  members?(room: string, signal: AbortSignal): Promise<readonly Member[]>;

  /**
   * Opens the conversation with one person and resolves to its room: the same for ever, whoever asks and however often, also when
   * an answer was lost. Who has left it is invited again: it is asked for anew when something is said there after a minute. Works before `start` too. Must settle before `signal` aborts plus 100 ms.
   * @throws what `perform` throws.
   */
  openDirect?(accountId: string, signal: AbortSignal): Promise<string>;

  /**
   * Opens a private conversation with people and resolves to its room. `uuid` names it on the platform: asked again with
   * the same uuid it is the same room, also when the first answer was lost, and whoever is missing is invited. Works before
   * `start` too. Must settle before `signal` aborts plus 100 ms.
   * @throws what `perform` throws.
   */
  openGroup?(conversation: Conversation, signal: AbortSignal): Promise<string>;

  /** Sets what a room is about, as its head shows it. @throws what `perform` throws. */
  setTopic?(room: string, text: string, signal: AbortSignal): Promise<void>;

  /** Makes these accounts the members of a group of the platform, and nobody else. @throws what `perform` throws. */
  setGroup?(group: string, accounts: readonly string[], signal: AbortSignal): Promise<void>;

  /** HTTP paths below `/webhooks/PLATFORM/NAME`. Every replica serves them, without a lease and without `start`. */
  readonly routes?: readonly Route[];

  /** Lists the account and the rooms for `watchbell doctor`: one finding a line, with the remedy. */
  examine?(rooms: readonly string[], signal: AbortSignal): Promise<Finding[]>;
}

/** Somebody in a room. */
export type Member = Sender;

export interface Conversation {
  readonly uuid: string;
  /** Account ids; the bot is in it anyway. */
  readonly people: readonly string[];
  /** What the room is called, where it can have a name. */
  readonly name: string;
  /** The room that it belongs to, for platforms where a conversation lies below one. */
  readonly parent?: string;
}

export interface Finding {
  readonly ok: boolean;
  /** What was looked at: `token`, `device`, `room #ops:example.org`. */
  readonly what: string;
  /** One sentence; where not ok, with the remedy. */
  readonly message: string;
}

export interface RenderOptions {
  /** New messages only: whether this one is meant to ring. Matrix sends chatter that does not ring as `m.notice`. */
  readonly ring: boolean;
  /** What a press on its actions must name. Left out where nothing can be pressed. */
  readonly press?: InteractionTarget;
}
