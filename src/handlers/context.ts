import { randomUUID } from 'node:crypto';
import { toMessage, type MessageLike, type RoomAddress } from '../chat/message.ts';
import type { Actor } from '../contract/actor.ts';
import type { Context, PostOptions, Shown } from '../contract/context.ts';
import type { PeopleOnCall } from '../contract/people.ts';
import type { Json } from '../contract/sql.ts';
import type { Query, Transaction } from '../db/database.ts';
import { CommandError } from '../errors.ts';
import { keepFile } from '../messages/files.ts';
import { createPeopleOnCall } from '../people/people-on-call.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import { writeConversation } from './conversation.ts';
import { notifyPerson } from './notify.ts';
import type { Outbox } from './outbox.ts';
import { taskCalls } from './task-calls.ts';

/** Where commands come from that are said apart from any chat: there is no room to speak in. */
const NOWHERE: ReadonlySet<string> = new Set(['api', 'cli']);

export interface ContextSource {
  readonly registry: Registry;
  readonly loaded: LoadedSkill;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  readonly eventId: number;
}

export interface RevocableContext {
  readonly context: Context<unknown>;
  /** From now on every call throws: a forgotten `await` must not write into another event's transaction. */
  revoke(): void;
  /** Throws when revoked. */
  readonly alive: () => void;
}

/** A promise that a skill forgot to await must not end the process: every promise handed out is listened to. */
function handOutAll<Methods extends object>(methods: Methods): Methods {
  const listened =
    (method: (...given: unknown[]) => unknown) =>
    (...given: unknown[]): unknown => {
      const answer = method(...given);
      if (answer instanceof Promise) answer.catch(() => {});
      return answer;
    };
  return Object.fromEntries(
    Object.entries(methods).map(([name, value]) => [name, typeof value === 'function' ? listened(value) : value]),
  ) as Methods;
}

/** Builds what one handler may touch. */
export function createContext(source: ContextSource): RevocableContext {
  const { registry, loaded, transaction, outbox, now, eventId } = source;
  const skill = loaded.skill.name;
  let revoked = false;
  const alive = (): void => {
    if (revoked)
      throw new Error(`the skill "${skill}" used its context after its handler had ended: an await is missing`);
  };

  const addresses = (room: string | RoomAddress): readonly RoomAddress[] => {
    if (typeof room !== 'string') {
      if (NOWHERE.has(room.connector)) throw new CommandError('That speaks in a room: say in which one (`room`).');
      return [room];
    }
    const found = registry.rooms.byName(room);
    if (!found) throw new Error(`no room is called "${room}"`);
    return found.addresses;
  };

  const intend = (
    room: string | RoomAddress,
    key: string | null,
    message: MessageLike,
    options: PostOptions,
    removed = false,
  ): void => {
    alive();
    for (const address of addresses(room)) outbox.intend({ ...wantedRow(address, key, message, options), removed });
  };

  const wantedRow = (address: RoomAddress, key: string | null, message: MessageLike, options: PostOptions) => ({
    id: randomUUID(),
    connector: address.connector,
    room: address.room,
    skill,
    key,
    queue: options.queue === 'page' ? (0 as const) : (1 as const),
    content: JSON.stringify(toMessage(message)),
    line: options.line ?? null,
    ring: options.ring ?? false,
    notBefore: options.notBefore ? validDate('notBefore', options.notBefore) : null,
    until: options.until ? validDate('until', options.until) : null,
    threadKey: options.inThreadOf ?? null,
    replyTo: null,
    thread: null,
    notify: options.report === 'lost' ? ('lost' as const) : options.report ? ('fate' as const) : ('none' as const),
    eventId,
    removed: false,
  });

  const context: Context<unknown> = handOutAll({
    options: loaded.options,
    now,
    timeZone: registry.timeZone,
    log: loaded.log,
    people: handOutAll(peopleOf(source, alive)),
    botName: registry.botName,
    publicUrl: registry.publicUrl,
    rooms: registry.rooms,
    sql: async (text, parameters) => {
      alive();
      return transaction.query(text, parameters);
    },
    state: handOutAll({
      get: async <T extends Json>(key: string) => {
        alive();
        const [row] = await transaction.query<{ value: string }>(
          'select value from skill_state where skill = $1 and key = $2 for update',
          [skill, key],
        );
        return row && (JSON.parse(row.value) as T);
      },
      set: async (key, value) => {
        alive();
        if (value === undefined)
          await transaction.query('delete from skill_state where skill = $1 and key = $2', [skill, key]);
        else
          await transaction.query(
            'insert into skill_state (skill, key, value) values ($1, $2, $3) on conflict (skill, key) do update set value = excluded.value',
            [skill, key, JSON.stringify(value)],
          );
      },
    }),
    say: async (room, message, options = {}) => intend(room, null, message, options),
    post: async (room, key, message, options = {}) => intend(room, key, message, options),
    notify: async (person, message, options) => {
      alive();
      await notifyPerson(source, context.post, { skill, person }, message, options);
    },
    file: async (file) => {
      alive();
      return keepFile(transaction.query, file);
    },
    remove: async (room, key) => intend(room, key, '', {}, true),
    shown: async (room, key): Promise<Shown | undefined> => {
      alive();
      const [address] = addresses(room);
      if (!address) return undefined;
      if (outbox.intentUnder(address.connector, address.room, skill, key))
        return { state: 'waiting', at: null, reason: null };
      const [row] = await transaction.query<{
        state: string;
        pending: boolean;
        shown_at: Date | null;
        reason: string | null;
      }>(
        'select state, pending, shown_at, reason from messages where connector = $1 and room = $2 and skill = $3 and key = $4',
        [address.connector, address.room, skill, key],
      );
      if (!row) return undefined;
      const state = row.state === 'dead' || row.state === 'dropped' ? row.state : row.pending ? 'waiting' : 'shown';
      return { state, at: row.shown_at, reason: row.reason };
    },
    at: async (key, time, timer, payload) => {
      alive();
      if (!loaded.skill.timers?.[timer]) throw new Error(`the skill "${skill}" has no timer called "${timer}"`);
      outbox.timer(skill, key, {
        name: timer,
        payload: JSON.stringify(payload ?? null),
        dueAt: validDate('the time', time),
      });
    },
    cancel: async (key) => {
      alive();
      outbox.timer(skill, key, null);
    },
    ...taskCalls(source, alive),
    emit: async ({ name, payload: schema }, payload) => {
      alive();
      schema.parse(payload);
      // One event for each skill that listens, so that each handles it in a transaction of its own.
      for (const [listener, { skill: one }] of registry.skills) {
        if (one.events?.[name])
          outbox.event({
            source: 'emit',
            sourceId: randomUUID(),
            kind: 'emit',
            skill: listener,
            name,
            lane: `${listener}:${name}`,
            payload: JSON.stringify(payload ?? null),
            happenedAt: now,
          });
      }
    },
    listen: async (conversation, room) => {
      alive();
      await writeConversation(transaction.query, { ...conversation, skill, belongsTo: room });
    },
    changed: async (query) => {
      alive();
      if (!loaded.skill.queries?.[query]) throw new Error(`the skill "${skill}" has no query called "${query}"`);
      outbox.change(query);
    },
    observe: async (histogram, value) => {
      alive();
      if (!loaded.skill.histograms?.[histogram])
        throw new Error(`the skill "${skill}" has no histogram called "${histogram}"`);
      if (!Number.isFinite(value)) throw new TypeError(`${histogram} counts finite numbers, not ${value}`);
      outbox.observe(histogram, value);
    },
    can: async (actor: Actor, command: string, room: RoomAddress, resource?: string) => {
      alive();
      const entry = registry.commands.all.find((one) => one.skill === skill && one.name === command);
      return (
        entry !== undefined &&
        registry.decide({
          actor,
          skill,
          command,
          class: entry.command.class ?? 'read',
          room: registry.rooms.byAddress(room)?.name,
          direct: false,
          resource,
        }).allow
      );
    },
  });
  return { context, alive, revoke: () => void (revoked = true) };
}

/** The directory, which stays; who is on call is asked in the handler's transaction. */
function peopleOf({ registry, transaction, now }: ContextSource, alive: () => void): PeopleOnCall {
  const query: Query = async (text, parameters) => {
    alive();
    return transaction.query(text, parameters);
  };
  return createPeopleOnCall({ people: registry.people, schedules: registry.schedules, query, now });
}

function validDate(what: string, date: Date): Date {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
  throw new TypeError(`${what} must be a valid Date, not ${String(date)}`);
}
