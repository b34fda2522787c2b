/**
 * The public contract: all that a skill may touch. Skills import this as `#skill`, and their own folder, nothing else.
 *
 * A skill declares what it listens to; its handlers read and write rows inside one transaction and say what rooms
 * should show. Nothing a handler does is visible before its transaction commits, and a handler may run more than once:
 * only the run that commits counts. So handlers never call other systems; that is what tasks are for.
 */
import type { z } from 'zod';
import type { FileRef, MessageLike, RoomAddress } from './chat/message.ts';
import type { ProgramCommand } from './skill-program.ts';
import type { Query } from './skill-query.ts';
import type { PeopleOnCall } from './skill-people.ts';
import type { Service } from './skill-service.ts';
import type { Need, Task } from './skill-task.ts';

export { z } from 'zod';
export { cut } from './chat/cut.ts';
export { escape, quote } from './chat/message.ts';
export { CommandError, messageOf, NothingDone, StartFailed } from './errors.ts';
export { parseDuration, formatDuration } from './chat/duration.ts';
export { formatTime } from './chat/time.ts';
export { nextTick } from './timers/next-tick.ts';
export { defineQuery, listByKey, listInput, listOf, listOutput } from './skill-query.ts';
export type { List, Query, QueryContext } from './skill-query.ts';
export type { Program, ProgramCommand, ProgramDatabase, ProgramFlag } from './skill-program.ts';
export type { OnCall, Override, OverrideRequest, PeopleNow, PeopleOnCall } from './skill-people.ts';
export { defineTask } from './skill-task.ts';
export type {
  Abilities,
  Exec,
  ExecResult,
  Found,
  Http,
  Member,
  Need,
  Task,
  TaskChat,
  TaskOutcome,
  TaskReport,
  TaskRun,
} from './skill-task.ts';
export { defineServiceEvent } from './skill-service.ts';
export type { EmitOptions, Finding, Service, ServiceEvent, ServiceRun } from './skill-service.ts';
export type { Action, FileRef, Image, Link, Mention, Message, MessageLike, RoomAddress, Tone } from './chat/message.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Who may say a command when no access rule matches: see "Access without a rule" in the configuration reference. */
export type CommandClass = 'read' | 'respond' | 'act' | 'admin';

/** A configured room with the addresses it stands for on each platform. */
export interface Room {
  readonly name: string;
  readonly addresses: readonly RoomAddress[];
  readonly failover?: string;
}

/** Who sees the answers of a command: everyone in the room, or, where the platform can, only whoever asked. */
export type Visibility = 'everyone' | 'asker';

/** Whoever said or tapped something; `person` is the key in `people:`, if the account is listed there. */
export interface Asker {
  /** An account on a chat platform, an API token (`token:ci`), or the program itself (its command line). */
  readonly kind: 'account' | 'token' | 'program';
  /** Of an account; for the others `api` and `cli`. */
  readonly connector: string;
  readonly accountId: string;
  /** As `People.nameOf` has it. Hostile text: escape it in `text`. */
  readonly name: string;
  readonly person?: string;
  readonly groups: readonly string[];
  readonly guest: boolean;
  readonly bot: boolean;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly accounts: Readonly<Record<string, string>>;
  readonly groups: readonly string[];
  readonly timeZone: string;
  /** Working hours in that time zone, as configured: `Mon-Fri 09:00-18:00`. */
  readonly hours?: string;
}

export interface People {
  /** The person behind an account, or undefined. */
  byAccount(connector: string, accountId: string): Person | undefined;
  byId(id: string): Person | undefined;
  /**
   * What to call an account: the configured name, else its display name on one line, with its id where that name could be
   * taken for somebody's who is listed. Hostile text: escape it in `text`.
   */
  nameOf(connector: string, accountId: string, displayName: string): string;
  /** Everybody who is listed. */
  all(): readonly Person[];
  inGroup(group: string): readonly Person[];
}

/** Runs one statement in the handler's transaction; `$1`-style parameters. Rows are plain objects. */
export type Sql = <Row extends object = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;

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
   * Tell this skill's `fate` what became of it. `'lost'`: only if it was not shown; of several in a room that are dropped
   * together, the last.
   */
  readonly notify?: boolean | 'lost';
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
   * for a minute. `fate` hears with `person` and `account` that it was shown, or that no account is left.
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
  may(asker: Asker, command: string, room: RoomAddress, resource?: string): Promise<boolean>;
}

export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** The context of something said or tapped in a room. */
export interface CommandContext<Options = unknown, Args = Record<string, never>> extends Context<Options> {
  readonly args: Args;
  readonly sender: Asker;
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

/**
 * A command's pattern is words and arguments: `count to {n:int}`, `rooms`, `hello {name?}`.
 *
 * - `{name}` one word; `{name...}` the rest of the line; `?` makes it optional: `{name?}`, `{note...?}`.
 * - types: `{n:int}`, `{for:duration}` (to ms), `{target:room}`, `{ids:ids}` (`12`, `#12.`, `12 13`, also glued: `ack12`),
 *   `{size:small|large}`.
 * - `[for {for:duration}]` an optional group: taken as a whole or not at all.
 * Words match whatever their case; the longest literal beginning wins.
 */
export type Pattern = string;

export interface Command<Options = unknown> {
  /** One line, lower case, no full stop: what it does. */
  readonly help: string;
  /** Default `read`. */
  readonly class?: CommandClass;
  /** Other patterns that are the same command. */
  readonly also?: readonly Pattern[];
  /** After a gap: run it however late, or ask the sender to say it again. Default `ask`. */
  readonly late?: 'run' | 'ask';
  /** Left out of `help`. */
  readonly hidden?: boolean;
  /** What it is about, for access rules (`on: ['job:site/*']`): `job:site/deploy`. Pure; undefined: nothing by name. */
  readonly resource?: (args: CommandArgs, options: Options) => string | undefined;
  /** Who sees its answers, refusals too. Default `everyone`. */
  readonly visibility?: Visibility;
  readonly run: (context: CommandContext<Options, CommandArgs>) => Handled | Promise<Handled>;
}

export type Commands<Options = unknown> = Readonly<Record<Pattern, Command<Options>>>;

/** Arguments by name; a type declares what they are: string, number (int; duration in ms), string[] (ids), Room. */
// oxlint-disable-next-line typescript/no-explicit-any -- the pattern decides at run time; each skill narrows at its use
export type CommandArgs = Record<string, any>;

// oxlint-disable-next-line typescript/no-invalid-void-type -- a handler may return nothing
export type Handled = MessageLike | undefined | void;

export interface WebhookRequest {
  /** What follows the webhook's name in the address; `default` for the bare path. */
  readonly source: string;
  readonly body: unknown;
  /** Those that the webhook declares, as far as they were sent; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: Date;
  /**
   * Order of acceptance: larger is later. Webhooks are handled side by side, and a replayed one long after newer ones, so a
   * handler that keeps state compares this with the number it stored with that state.
   */
  readonly order: number;
  /**
   * Address at the other end of the connection: the sender's or a proxy's. It may tell senders apart, and proves nothing.
   */
  readonly remoteAddress?: string | undefined;
}

export interface Webhook<Options = unknown> {
  /** How a sender shows that it may post to this source; undefined: no such source here (503: another pod may know it). */
  readonly verify: (options: Options, source: string) => Verification | undefined;
  /** Every source name that may occur, for metrics labels. */
  readonly sources: (options: Options) => readonly string[];
  /** Headers that `id` and `run` see, in lower case; kept with the event. Those that carry secrets never are. */
  readonly headers?: readonly string[];
  /**
   * What the sender calls this delivery: another one of the same name, to the same source, is a repeat. It gets its 200 and
   * is not handled, as long as the first is kept (`keep.events`). Undefined, or left out: every request is new. Must be quick
   * and pure.
   */
  readonly id?: (request: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly source: string;
  }) => string | undefined;
  /** One sentence when the body is not acceptable at all (answered with 400), undefined when it is. Must be quick and pure. */
  readonly refuse?: (body: unknown) => string | undefined;
  /**
   * Bodies with the same word are handled one after another, in the order of their acceptance; undefined: side by side.
   * Must be quick, pure and safe on any body that `refuse` lets through.
   */
  readonly lane?: (body: unknown, source: string) => string | undefined;
  /**
   * What is stored of a body that `refuse` let through: only what `run` reads, bounded in size, in one or several parts.
   * Each part is an event with a transaction of its own, in this order where `lane` gives a word. Must be quick and pure.
   * Left out: the body as it came; bodies over 1 MiB are then refused with 413.
   */
  readonly keep?: (body: unknown) => readonly Json[];
  /**
   * Takes the calls that wait, often one: no two with the same word of `lane`, in the order of their acceptance, all in one
   * transaction. What comes in thousands costs least where one statement stores all of them. Where it fails or takes
   * longer than half a second, each call is given to it alone.
   */
  readonly run: (calls: readonly WebhookCall<Options>[]) => void | Promise<void>;
}

/**
 * `bearer`: the request shows one of these tokens, as `Authorization: Bearer` or as the password of Basic. `hmac`: a header
 * carries the HMAC of the body as it was sent, in hexadecimal behind `prefix`, with one of these secrets; at most 25 MiB.
 * Several, so that one can be replaced without a gap.
 */
export type Verification =
  | { readonly bearer: readonly SecretRef[] }
  | {
      readonly hmac: {
        readonly header: string;
        readonly algorithm: 'sha256';
        readonly prefix?: string;
        readonly secrets: readonly SecretRef[];
      };
    };

export interface WebhookCall<Options = unknown> {
  readonly context: Context<Options>;
  readonly request: WebhookRequest;
}

export type SecretRef = { readonly file: string } | { readonly env: string };

export interface TimerFired<Payload> {
  readonly key: string;
  readonly payload: Payload;
  readonly dueAt: Date;
  /** How late it is: > 0 after downtime. */
  readonly lateMs: number;
}

export interface Timer<Options = unknown, Payload = unknown> {
  /** Ignores unknown fields: another release may read it. */
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, fired: TimerFired<Payload>) => void | Promise<void>;
}

export interface Cron<Options = unknown> {
  /** Five-field cron expression, from the options; undefined: not scheduled. Several by key: each ticks on its own. */
  readonly schedule: (options: Options) => string | undefined | Readonly<Record<string, Schedule>>;
  readonly run: (
    context: Context<Options>,
    tick: { readonly at: Date; readonly lateMs: number; readonly key: string | undefined },
  ) => void | Promise<void>;
}

export interface Schedule {
  /** Five-field cron expression. */
  readonly cron: string;
  /** Ticks so long before each time of the expression: a day ahead, to remind of it. Default 0. */
  readonly aheadMs?: number;
}

/** What became of a message posted with `notify`. */
export interface Fate {
  readonly room: RoomAddress;
  readonly key: string;
  /** `dropped`: it was not sent by its `until`. */
  readonly state: 'shown' | 'dead' | 'dropped';
  readonly at: Date;
  readonly reason: string | null;
  /** Of what was sent with `notify(person, …)`: the person's id, and the account that showed it, or was the last. */
  readonly person?: string;
  readonly account?: string;
  /** Of a dropped one: about how far apart the room takes messages now, in ms; null: it is not slowed down, the bot or the platform was away. */
  readonly everyMs: number | null;
}

/**
 * Something that one skill says to others: `monitors.down`. Skills cannot import each other, so each side declares it, and
 * each checks the payload by its own declaration; it must survive JSON.
 */
export interface EventType<Payload> {
  readonly name: string;
  readonly payload: z.ZodType<Payload>;
}

/** What a skill does about an event of another: see `on`. */
export interface Listener<Options = unknown, Payload = unknown> {
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, payload: Payload) => void | Promise<void>;
}

export interface Problem {
  /** Path inside this skill's options: `['route', 'rooms', 0]`. */
  readonly path: readonly (string | number)[];
  /** What is wrong and the remedy, one sentence. */
  readonly says: string;
  /** It can be used all the same. */
  readonly warning?: true;
}

/** The names a configuration defines, for checking references offline. */
export interface Names {
  readonly rooms: readonly string[];
  readonly people: readonly string[];
  readonly groups: readonly string[];
  readonly schedules: readonly string[];
  readonly timeIntervals: readonly string[];
}

export interface Skill<Options = unknown> {
  readonly name: string;
  /** One line for `skills` and the docs. */
  readonly description?: string;
  /** A key whose schema says `.meta({ noEffect: 'what follows from it' })` is accepted, and whoever writes it is warned. */
  readonly options?: z.ZodType<Options>;
  /** References in the options that nothing answers to, and rules nobody can reach. Pure. */
  readonly check?: (options: Options, names: Names) => readonly Problem[];
  /** Rooms this skill listens in; undefined: every configured room. It answers nowhere else. */
  readonly rooms?: (options: Options) => readonly string[] | undefined;
  /** By pattern; made from the options where they say what can be said. Pure. */
  readonly commands?: Commands<Options> | ((options: Options) => Commands<Options>);
  /** Commands of the program itself, by usage: `pair <room>`. */
  readonly cli?: Readonly<Record<string, ProgramCommand<Options>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each query has input and output types of its own
  readonly queries?: Readonly<Record<string, Query<Options, any, any>>>;
  readonly webhooks?: Readonly<Record<string, Webhook<Options>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly timers?: Readonly<Record<string, Timer<Options, any>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has payload, result and progress types of its own
  readonly tasks?: Readonly<Record<string, Task<Options, any, any, any>>>;
  readonly services?: Readonly<Record<string, Service<Options>>>;
  readonly crons?: Readonly<Record<string, Cron<Options>>>;
  /** What other skills say, by the event's name: `{ [down.name]: on(down, …) }`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly events?: Readonly<Record<string, Listener<Options, any>>>;
  /** What of the world outside its tasks and services use. */
  readonly needs?: readonly Need[];
  /** Hears of messages posted with `notify`. */
  readonly fate?: (context: Context<Options>, fate: Fate) => void | Promise<void>;
  /** Numbers this skill exports, read by the one replica that holds the `metrics` lease. */
  readonly gauges?: Readonly<Record<string, Gauge>>;
  /** Distributions this skill counts with `observe`, on whichever replica handled the event. */
  readonly histograms?: Readonly<Record<string, Histogram>>;
}

export interface Histogram {
  readonly help: string;
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
}

export interface Gauge {
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (
    sql: Sql,
  ) => Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

/** Declares a skill; the one default export of its `index.ts`. Types flow from `options` into every handler. */
export function defineSkill<Options = Record<string, never>>(skill: Skill<Options>): Skill<Options> {
  return skill;
}

/** Declares an event between skills. Its name begins with the skill that emits it: `monitors.down`. */
export function defineEvent<Payload>(name: string, payload: z.ZodType<Payload>): EventType<Payload> {
  return { name, payload };
}

/** Listens to an event, with the type of its payload. */
export function on<Options, Payload>(
  event: EventType<Payload>,
  run: Listener<Options, Payload>['run'],
): Listener<Options, Payload> {
  return { payload: event.payload, run };
}

/** Declares a timer with the type of its payload. */
export function defineTimer<Options, Payload>(timer: Timer<Options, Payload>): Timer<Options, Payload> {
  return timer;
}
