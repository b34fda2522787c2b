import type { FileRef, MessageLike, RoomAddress } from '../chat/message.ts';
import type { Log } from '../log.ts';
import type { Actor } from './actor.ts';
import type { EventType } from './event-type.ts';
import type { PeopleOnCall } from './people.ts';
import type { Room } from './room.ts';
import type { Json, Sql } from './sql.ts';

export interface PostOptions {
  /** This change must be a new message that notifies; the copy before it is folded to a pointer. */
  readonly ring?: boolean;
  /** `page` goes before `bulk`; default `bulk` for posts, replies are always first. */
  readonly queue?: 'page' | 'bulk';
  /** Send it at this time at the earliest; what stands behind it in the room does not wait for it. */
  readonly notBefore?: Date;
  /** Drop it if it is not sent by then. */
  readonly until?: Date;
  /** Key of a message in the same room whose thread this one belongs to; a plain message where that one is not to be had. */
  readonly inThreadOf?: string;
  /**
   * Tell this skill's `deliveryReport` what became of it. `'lost'`: only if it was not shown; of several in a room that are dropped
   * together, the last.
   */
  readonly report?: boolean | 'lost';
  /** One line that stands for this message in a digest while the room is throttled. Without it the row is never folded. */
  readonly line?: string;
}

export interface NotifyOptions {
  readonly key: string;
  /** Default true. False: a change of what was shown, which nobody needs to notice. */
  readonly ring?: boolean;
  /** Default `page`. */
  readonly queue?: 'page' | 'bulk';
}

export interface TaskReference {
  /** The task's uuid: `TaskRun.id`. */
  readonly id: string;
}

/** What a room shows of a message, as far as is known. */
export interface Shown {
  readonly state: 'waiting' | 'shown' | 'dead' | 'dropped';
  readonly at: Date | null;
  readonly reason: string | null;
}

/** Everything a handler may do. Revoked when the handler settles or after 5 s. */
export interface Context<Options = unknown> {
  readonly options: Options;
  /** The time by the database's clock, fixed for the whole handler. */
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

  /** Says something new in a room (name or address); every call is one more message. */
  say(room: string | RoomAddress, message: MessageLike, options?: PostOptions): Promise<void>;
  /**
   * Makes a room show `message` under `key`, from now on, whatever it showed under that key before.
   * Called often it is still one message, edited. A room name that stands for several addresses posts in each.
   */
  post(room: string | RoomAddress, key: string, message: MessageLike, options?: PostOptions): Promise<void>;
  /**
   * Keeps a file of at most 8 MiB for `files` of a message, as long as a message names it.
   * @throws {TypeError} when it is larger.
   */
  file(file: Omit<FileRef, 'hash' | 'size'> & { readonly bytes: Uint8Array }): Promise<FileRef>;
  /** Takes the message under `key` away again. */
  remove(room: string | RoomAddress, key: string): Promise<void>;
  /**
   * Makes a listed person see `message` under `key`: a living message in the direct conversation with them, at the first of
   * their accounts, in the order of `contact`, that shows it. The next account is taken when one is dead, or shows nothing
   * for a minute. `deliveryReport` is told, with `person` and `account` that it was shown, or that no account is left.
   */
  notify(person: string, message: MessageLike, options: NotifyOptions): Promise<void>;
  /** What the room shows under the key. */
  shown(room: string | RoomAddress, key: string): Promise<Shown | undefined>;

  /** Fires `timer` with `payload` at `time`; a second call with the same key replaces the first. A time in the past fires at once. */
  at(key: string, time: Date, timer: string, payload?: Json): Promise<void>;
  /** Takes a timer back, also one that is due and not handled yet. */
  cancel(key: string): Promise<void>;

  /**
   * Starts a task once this transaction has committed. A `key` is unique in the skill while its task lives: asked for again
   * under it, the living one is the answer, whatever its payload. Awaited, not returned: what a handler returns is said.
   */
  task(name: string, payload?: Json, options?: { readonly key?: string }): Promise<TaskReference>;
  /**
   * Calls off the task that lives under a key. `cancelled`: it had not begun and never will; its `done` hears so next.
   * `running`: it is aborted within a second or two, wherever it runs, and `done` hears what became of it. `none`: no task
   * lives under the key.
   */
  cancelTask(key: string): Promise<'cancelled' | 'running' | 'none'>;
  /** An event to every skill that listens to it, handled after this transaction has committed. @throws when the payload is not what the event declares. */
  emit<Payload>(event: EventType<Payload>, payload: Payload): Promise<void>;
  /** Counts `value` in one of this skill's `histograms` once this transaction has committed. */
  observe(histogram: string, value: number): Promise<void>;
  /**
   * Says which of this skill's queries answer differently once this transaction has committed. A handler that says nothing
   * of this counts as having changed them all.
   */
  changed(query: string): Promise<void>;

  /**
   * From now on this skill, and no other, listens in a conversation that one of its tasks opened, with the access rules of
   * the configured room that the conversation belongs to.
   */
  listen(conversation: RoomAddress, room: string): Promise<void>;

  /**
   * The configured options of a room, person or alert are decided by the skill; this asks the access policy on behalf of
   * `asker`, about a `resource` where the command names one.
   */
  can(actor: Actor, command: string, room: RoomAddress, resource?: string): Promise<boolean>;
}

/** The context of something said or tapped in a room. */
export interface CommandContext<Options = unknown, Args = Record<string, never>> extends Context<Options> {
  readonly args: Args;
  readonly sender: Actor;
  /** Where it was said. */
  readonly room: RoomAddress & { readonly name: string | undefined; readonly direct: boolean };
  /** Unique id of the event; the same in the reply's audit row and the log. */
  readonly eventId: string;
  /** Key under which this skill posted the message that was answered, tapped, or whose thread this is in. */
  readonly about: string | undefined;
  /** True: tapped or pressed rather than typed; a reply is then best left out, or short. */
  readonly tapped: boolean;
  /** How long ago it was said, in ms, when that is unusually long; else 0. */
  readonly lateMs: number;
  /** Answers in the same room and thread, in the queue that goes first. A returned string or message does the same. */
  reply(message: MessageLike): Promise<void>;
  /** Counts the command as `wrong` (valid, but at the wrong moment) and answers. */
  wrong(message: MessageLike): Promise<void>;
  /** Counts the command as `cancelled` (it ended what an earlier one began) and answers. */
  cancelled(message: MessageLike): Promise<void>;
  /** Counts the command as `invalid` (an argument that only the skill can judge) and answers. */
  invalid(message: MessageLike): Promise<void>;
  /** Asks back, and has done nothing yet: `say` are the words that do it. Over REST they come as `say` with the answer. */
  confirm(message: MessageLike, say: string): Promise<void>;
}
