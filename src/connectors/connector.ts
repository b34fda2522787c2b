import type { z } from 'zod';
import type { Action, FileRef, Message } from '../chat/message.ts';
import type { Query } from '../db/database.ts';

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

/** One HTTP path of a connector, to which its platform posts. */
export interface Route {
  /** `''`, `/command`, `/action`. */
  readonly path: string;
  readonly maxBodyBytes: number;
  /**
   * Verifies the request, turns it into events, and answers once `accept` has resolved: they are stored then, and a repeat with
   * the same ids is dropped. When `accept` rejects the sender gets 503, whatever this answers; whatever else it throws is a 500.
   */
  handle(request: RouteRequest, accept: (events: readonly IncomingEvent[]) => Promise<void>): Promise<RouteAnswer>;
}

export interface RouteRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came over the wire: what a signature is made of. */
  readonly rawBody: Buffer;
  readonly query: URLSearchParams;
  /** The other end of the connection, which may be a proxy. */
  readonly remoteAddress: string;
}

export interface RouteAnswer {
  readonly status: number;
  /** JSON, or text. */
  readonly body?: JsonValue;
  /** Default `application/json`, of text `text/plain`. */
  readonly contentType?: string;
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
  readonly says: string;
}

/** What a platform can do. Declared, so that the core has a fallback for each lack and the tests skip it by name. */
export interface Capabilities {
  /** Messages can be edited; otherwise a change is posted as a new message. */
  readonly edit: boolean;
  readonly delete: boolean;
  /** Replies and threads can be addressed. */
  readonly threads: boolean;
  /** Actions are buttons to press. */
  readonly buttons: boolean;
  /** Actions are one list to choose from. */
  readonly select: boolean;
  /** People can react, and where there are neither buttons nor lists the bot adds the reactions to tap. */
  readonly reactions: boolean;
  readonly files:
    | false
    | {
        readonly maxBytes: number;
        /** The upload is a request of its own, before the message. */
        readonly upload: boolean;
      };
  /** A message that only one account sees. */
  readonly asker: boolean;
  readonly direct: boolean;
  readonly group: boolean;
  readonly members: boolean;
  readonly slashCommands: boolean;
  readonly topic: boolean;
  /** A group of the platform can be kept equal to who is on call. */
  readonly memberGroups: boolean;
  /** All that is said there is meant for the bot: no name or prefix is needed. */
  readonly addressed: boolean;
  /** Largest part in bytes as `Part.bytes` counts them. */
  readonly maxBytes: number;
  /** How long the platform remembers an idempotency key; 0: it has none, and an unknown send may be repeated. */
  readonly keyWindowMs: number;
  /** Sends per second and burst to begin with; undefined: full speed until the platform says otherwise. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}

export interface RenderOptions {
  /** New messages only: whether this one is meant to ring. Matrix sends chatter that does not ring as `m.notice`. */
  readonly ring: boolean;
  /** What a press on its actions must name. Left out where nothing can be pressed. */
  readonly press?: InteractionTarget;
}

/** The message whose button is pressed, and the version of it that the presser saw. */
export interface InteractionTarget {
  /** The core's own uuid of it. */
  readonly message: string;
  readonly version: number;
}

/** One piece of a message as the platform takes it. `body` is the connector's own, JSON, opaque to the core. */
export interface Part {
  readonly body: JsonObject;
  /** Size as the platform counts it, of the largest request it will need. */
  readonly bytes: number;
  /** The file that this part shows: one of the message's, each in a part of its own. */
  readonly file?: FileRef;
}

/** A file with its bytes. */
export interface FileContent extends FileRef {
  readonly bytes: Uint8Array;
}

export type JsonObject = { readonly [key: string]: JsonValue };
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/**
 * The idempotency key of one request: unique to it, and repeated for, and only for, a repeat of the very same operation. Each
 * connector encodes it in its own way.
 */
export interface RequestKey {
  readonly uuid: string;
  readonly count: number;
}

/** Who alone sees a message, and the platform's token to answer what that account did, good until then. */
export interface Receiver {
  readonly accountId: string;
  readonly respond?: { readonly token: string; readonly until: Date };
}

/** A key as one word, at most 46 characters of `[0-9a-f.-]`. */
export const keyText = ({ uuid, count }: RequestKey): string => `${uuid}.${count}`;

/** One request to the platform. */
export type Operation =
  | {
      /** Where the upload is a request of its own: resolves to what the platform calls the file from now on. */
      readonly type: 'upload';
      readonly key: RequestKey;
      readonly room: string;
      readonly file: FileContent;
      readonly unknownTries: number;
    }
  | {
      readonly type: 'send';
      readonly key: RequestKey;
      readonly room: string;
      readonly part: Part;
      /** Remote id of the message this one answers. */
      readonly replyTo?: string;
      /** Remote id of the first message of the thread this one belongs to. */
      readonly thread?: string;
      /** Only this account sees it. */
      readonly to?: Receiver;
      /** Of a part with a file: what its upload resolved to; where there is none, the file. */
      readonly uploads?: readonly string[];
      readonly files?: readonly FileContent[];
      /** How many earlier tries of this key had an unknown outcome; > 0: platforms without keys look before they send. */
      readonly unknownTries: number;
    }
  | {
      readonly type: 'edit';
      readonly key: RequestKey;
      readonly room: string;
      readonly part: Part;
      readonly target: string;
      readonly uploads?: readonly string[];
      readonly files?: readonly FileContent[];
      readonly unknownTries: number;
    }
  | {
      readonly type: 'delete';
      readonly key: RequestKey;
      readonly room: string;
      readonly target: string;
      readonly unknownTries: number;
    }
  | {
      readonly type: 'react';
      readonly key: RequestKey;
      readonly room: string;
      readonly target: string;
      readonly emoji: string;
      readonly unknownTries: number;
    };

/** What a connector is given at `start`. */
export interface ConnectorHost {
  /** The cursor stored with the last batch; null on the very first start (or after a restore): begin at now. */
  readonly cursor: string | null;
  /** When that cursor was stored, by the database's clock. */
  readonly cursorAt: Date | null;

  /**
   * Stores a batch and the cursor behind it in one commit. Only after it resolves may the connector acknowledge or
   * move on; when it rejects (database away, lease lost) the batch must be offered again, or dropped after `stop`.
   * Batches are offered one at a time, in order. Echoes must be reported before the batch that follows them.
   */
  receive(events: readonly IncomingEvent[], cursor: string | null): Promise<void>;

  /** One of our own operations was seen in the stream: this settles a send whose outcome was unknown. */
  echo(key: RequestKey, remoteId: string): Promise<void>;

  /** Something became true or false of a room; the core tells the ops room and fails over. */
  membership(room: string, state: 'joined' | 'left' | 'encrypted' | 'moved', detail?: string): Promise<void>;

  /** True when this room id (or one of its aliases) is configured: only then is an invitation accepted. */
  isConfigured(room: string): boolean;

  /** Everything configured for this connector: the ids or aliases as written. */
  rooms(): readonly string[];

  /**
   * Tells the core that an id or alias as written stands for this room id, both ways from now on. Where it was another
   * room before, also before a restart, this waits until nothing is on its way to that one, and what it showed is
   * forgotten: what waits is sent to the new one, and what changes is said there anew. Nothing may be performed in the new
   * room before this resolves, nor may `perform` wait for it.
   */
  resolved(written: string, room: string): Promise<void>;

  /** The connection is up or down; shown in /healthz, `watchbell_connector_up` and `status`. */
  state(up: boolean, detail?: string): void;

  /** Asks to be stopped and started again after a pause; for a failure that only a new start can mend. */
  failed(error: unknown): void;

  now(): Date;
  readonly log: ConnectorLog;
}

export interface ConnectorLog {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface Sender {
  /** The account's id on the platform, for example `@ann:example.org`. */
  readonly accountId: string;
  /** Display name; hostile text, never trusted. */
  readonly name: string;
  readonly bot: boolean;
  readonly guest: boolean;
}

interface IncomingBase {
  /** Unique for this connector for ever: the platform's event id. A repeat with the same id is dropped. */
  readonly id: string;
  readonly room: string;
  /** A conversation with one person: no prefix is needed. */
  readonly direct: boolean;
  readonly sender: Sender;
  /** The platform's own timestamp. */
  readonly at: Date;
}

/** Something that happened in a room and was not done by this bot itself. */
export type IncomingEvent =
  | (IncomingBase & {
      readonly type: 'message';
      /** Plain text as typed, platform link markup resolved to text. */
      readonly text: string;
      /** The bot is mentioned; the mention itself is removed from `text` where the platform marks it. */
      readonly mentionsBot: boolean;
      /** What the account is called in this room, where the text has it: the bot answers to it as to its own name. */
      readonly names?: readonly string[];
      /** Remote id of the message this one answers. */
      readonly replyTo?: string;
      /** Remote id of the first message of the thread it was written in. */
      readonly thread?: string;
      /** It replaces the text of an earlier message; commands in edits are not run. */
      readonly edits?: string;
    })
  | (IncomingBase & {
      readonly type: 'reaction';
      readonly target: string;
      readonly emoji: string;
      /** It was taken away again. */
      readonly taken: boolean;
    })
  | (IncomingBase & {
      readonly type: 'interaction';
      /** A pressed button or a chosen item: which action of which version of which message. */
      readonly press?: InteractionTarget & { readonly index: number };
      /** Or the words of a slash command. */
      readonly words?: string;
      readonly thread?: string;
      /** How it may be answered so that only whoever did it sees it. */
      readonly respond?: { readonly token: string; readonly until: Date };
    });

/** The platform refuses for now. `bucket`: which one it closes: `account`, `room:ROOM`, or one that `buckets` names. */
export class RateLimited extends Error {
  readonly code = 'WB_RATE_LIMITED';
  readonly bucket: string;
  readonly retryAfterMs: number;
  constructor(bucket: string, retryAfterMs: number) {
    super(`the platform asks to wait ${retryAfterMs} ms`);
    this.bucket = bucket;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The platform will never take this: not in the room, too large, malformed. `reason` is shown to people. */
export class Rejected extends Error {
  readonly code = 'WB_REJECTED';
  readonly reason: string;
  constructor(reason: string, cause?: unknown) {
    super(`the platform refuses the message: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** The message to change is not there any more. */
export class Gone extends Error {
  readonly code = 'WB_GONE';
  constructor(cause?: unknown) {
    super('the message is gone', { cause });
  }
}

/** The account's token does not work (any more). */
export class Unauthorised extends Error {
  readonly code = 'WB_UNAUTHORISED';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** Nothing was sent: name resolution, connection refused, or the server said "not now" before reading (503 from a proxy is *not* this). */
export class Unreachable extends Error {
  readonly code = 'WB_UNREACHABLE';
  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}

/** The room is becoming another one, or it is not yet entered: nothing was done, and it is decided anew what is to be. */
export class Moved extends Error {
  readonly code = 'WB_MOVED';
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number, cause?: unknown) {
    super('the room is becoming another one', { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * One chat platform: a light module, in `platforms.ts` or handed to the program by a test. What is heavy, its SDK above all,
 * is imported in `create`, so that an unused platform costs no memory.
 */
export interface Platform<Options = unknown> {
  /** The word for it under `connectors:`. */
  readonly type: string;
  /** Of one entry under `connectors:`, without `type` and `opsRoom`, which every entry has. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /** Pure: asked for before, and without, any connection. */
  capabilities(options: Options): Capabilities;
  /** Requests nothing: that is for `start`. */
  create(options: Options, environment: ConnectorEnvironment): Promise<Connector>;
}

/** What a connector may know about the program it runs in. */
export interface ConnectorEnvironment {
  /** The entry's name in `connectors:`. */
  readonly name: string;
  /** A name the bot answers to. */
  readonly botName: string;
  /** Reads the current value of a secret; call it at each start, a rotated file is picked up. */
  secret(reference: SecretReference): Promise<string>;
  /** Small durable state of this connector (a pinned device id). Values are JSON. */
  readonly state: {
    get(key: string): Promise<JsonValue | undefined>;
    set(key: string, value: JsonValue): Promise<void>;
  };
  readonly log: ConnectorLog;
  /** For the one platform that lives in the bot's own database. */
  readonly pages: {
    readonly query: Query;
    /** What a room shows has changed: its readers are told. */
    changed(room: string): void;
  };
}

/** A secret by reference, never its value: `{ file: NAME }` under WATCHBELL_SECRETS, or `{ env: NAME }`. */
export type SecretReference = { readonly file: string } | { readonly env: string };

export type { Action, Message };
