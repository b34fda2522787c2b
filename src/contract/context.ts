import type { FileRef, MessageLike, RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Actor } from './actor.ts';
import type { EventType } from './event-type.ts';
import type { PeopleOnCall } from './people.ts';
import type { Room } from './room.ts';
import type { Json, Sql } from './sql.ts';

export interface PostOptions {
  /** Send this change as a new message, which notifies; the previous copy becomes "continued below". */
  readonly ring?: boolean;
  /** `page` is sent before `bulk`. Default `bulk`; replies always go first. */
  readonly queue?: 'page' | 'bulk';
  /** Do not send it before this time. Later messages in the room do not wait for it. */
  readonly notBefore?: Date;
  /** Drop it if it has not been sent by then. */
  readonly until?: Date;
  /** Key of a message in the same room to whose thread this one belongs. A plain message if that one is not shown. */
  readonly inThreadOf?: string;
  /**
   * Call this skill's `deliveryReport` with the outcome. `'lost'`: only if it was not shown; when several in a room are
   * dropped together, only for the last.
   */
  readonly report?: boolean | 'lost';
  /** One line that represents this message in a digest while the room is rate-limited. Without it, it is never part of one. */
  readonly line?: string;
}

export interface NotifyOptions {
  readonly key: string;
  /** Default true. False: edit the message without notifying anyone. */
  readonly ring?: boolean;
  /** Default `page`. */
  readonly queue?: 'page' | 'bulk';
}

export interface TaskReference {
  /** The task's uuid: `TaskRun.id`. */
  readonly id: string;
}

/** The last known delivery state of a message in a room. */
export interface Shown {
  readonly state: 'waiting' | 'shown' | 'dead' | 'dropped';
  readonly at: Date | null;
  readonly reason: string | null;
}

/** Everything a handler may do. Every call throws once the handler has settled, or after 5 s. */
export interface Context<Options = unknown> {
  readonly options: Options;
  /** The database's time, the same throughout the handler. */
  readonly now: Date;
  readonly timeZone: string;
  readonly log: Log;
  readonly people: PeopleOnCall;
  /** The names this bot answers to. */
  readonly botName: string;
  /** Public address for links, without a trailing slash; undefined when not configured. */
  readonly publicUrl: string | undefined;

  readonly sql: Sql;
  readonly state: {
    get<T extends Json>(key: string): Promise<T | undefined>;
    /** `undefined` removes the key. */
    set(key: string, value: Json | undefined): Promise<void>;
  };

  /** Configured rooms by name. */
  readonly rooms: {
    byName(name: string): Room | undefined;
    all(): readonly Room[];
    byAddress(address: RoomAddress): Room | undefined;
  };

  /** Posts a new message to a room (name or address). Each call is another message. */
  say(room: string | RoomAddress, message: MessageLike, options?: PostOptions): Promise<void>;
  /**
   * Makes a room show `message` under `key`, in place of what it showed under that key before: however often it is called, it
   * is one message, which gets edited. A room name with several addresses posts to each of them.
   */
  post(room: string | RoomAddress, key: string, message: MessageLike, options?: PostOptions): Promise<void>;
  /**
   * Stores a file of at most 8 MiB, for `files` of a message; it is kept while a message refers to it.
   * @throws {TypeError} when it is larger.
   */
  file(file: Omit<FileRef, 'hash' | 'size'> & { readonly bytes: Uint8Array }): Promise<FileRef>;
  /** Deletes the message under `key`. */
  remove(room: string | RoomAddress, key: string): Promise<void>;
  /**
   * Makes a listed person see `message` under `key`, as a direct message that later calls edit. Accounts are tried in the
   * order of `contact`: the next one when delivery fails for good, or nothing is shown within a minute. `deliveryReport` gets
   * `person` and `account` once it is shown, or when no account is left.
   */
  notify(person: string, message: MessageLike, options: NotifyOptions): Promise<void>;
  /** The delivery state of the message under `key`; undefined when there is none. */
  shown(room: string | RoomAddress, key: string): Promise<Shown | undefined>;

  /** Fires `timer` with `payload` at `time`, at once if that is past. A second call with the same key replaces the first. */
  at(key: string, time: Date, timer: string, payload?: Json): Promise<void>;
  /** Cancels a timer, even one that is due but has not been handled yet. */
  cancel(key: string): Promise<void>;

  /**
   * Starts a task once this transaction has committed. A `key` is unique in the skill until its task ends: starting another
   * under it returns the existing task, whatever the payload. Await it, do not return it: what a handler returns is its reply.
   */
  task(name: string, payload?: Json, options?: { readonly key?: string }): Promise<TaskReference>;
  /**
   * Cancels the task under a key. `cancelled`: it had not started and never will; its `done` is called next. `running`: it is
   * aborted within a second or two, on whichever replica it runs, and `done` gets the outcome. `none`: there is no such task.
   */
  cancelTask(key: string): Promise<'cancelled' | 'running' | 'none'>;
  /** Sends an event to every skill that listens to it, once this transaction has committed. @throws when the payload does not match the event's schema. */
  emit<Payload>(event: EventType<Payload>, payload: Payload): Promise<void>;
  /** Records `value` in one of this skill's `histograms` once this transaction has committed. */
  observe(histogram: string, value: number): Promise<void>;
  /**
   * Names one of this skill's queries whose answer changes with this transaction. A handler that never calls it counts as
   * having changed them all.
   */
  changed(query: string): Promise<void>;

  /**
   * Makes this skill, and no other, listen in a conversation that one of its tasks opened. The access rules of `room`, a
   * configured room, apply there.
   */
  listen(conversation: RoomAddress, room: string): Promise<void>;

  /**
   * Whether the access policy lets `actor` run `command` in `room`, on `resource` where the command has one. The skill itself
   * decides what its own options permit.
   */
  can(actor: Actor, command: string, room: RoomAddress, resource?: string): Promise<boolean>;
}

/** The context of a command that was typed or tapped in a room. */
export interface CommandContext<Options = unknown, Args = Record<string, never>> extends Context<Options> {
  readonly args: Args;
  readonly sender: Actor;
  /** Where the command came from. */
  readonly room: RoomAddress & { readonly name: string | undefined; readonly direct: boolean };
  /** Unique id of the event; the audit row and the log have the same one. */
  readonly eventId: string;
  /** Key of this skill's message that the command replies to, taps, or is in the thread of. */
  readonly about: string | undefined;
  /** True when it was a reaction or a button rather than typed; reply briefly then, or not at all. */
  readonly tapped: boolean;
  /** How long ago it was sent, in ms, when it arrived unusually late; else 0. */
  readonly lateMs: number;
  /** Replies in the same room and thread, ahead of all posts. Returning a string or message does the same. */
  reply(message: MessageLike): Promise<void>;
  /** Replies, and counts the command as `wrong`: valid, but not possible right now. */
  wrong(message: MessageLike): Promise<void>;
  /** Replies, and counts the command as `cancelled`: it stopped what an earlier command started. */
  cancelled(message: MessageLike): Promise<void>;
  /** Replies, and counts the command as `invalid`: an argument that only the skill can check is wrong. */
  invalid(message: MessageLike): Promise<void>;
  /** Asks for confirmation; nothing is done yet. `say` is the command that confirms, which REST returns as `say`. */
  confirm(message: MessageLike, say: string): Promise<void>;
}
