import { randomUUID } from 'node:crypto';
import { type MessageLike, type RoomAddress, toMessage } from '../chat/message.ts';
import type { Actor } from '../contract/actor.ts';
import type { Context, PostOptions, Shown } from '../contract/context.ts';
import type { PeopleOnCall } from '../contract/people.ts';
import type { Json } from '../contract/sql.ts';
import type { Query } from '../db/database.ts';
import { CommandError } from '../errors.ts';
import { keepFile } from '../messages/files.ts';
import { createPeopleOnCall } from '../people/people-on-call.ts';
import type { ContextSource } from './context-source.ts';
import { writeConversation } from './conversation.ts';
import { notifyPerson } from './notify.ts';
import { taskCalls } from './task-calls.ts';

/** Where commands come from without a room to post in. */
const ROOMLESS: ReadonlySet<string> = new Set(['api', 'cli']);

export interface RevocableContext {
  readonly context: Context<unknown>;
  /** Makes every further call throw: a forgotten `await` must not write into another event's transaction. */
  revoke(): void;
  /** Throws when revoked. */
  readonly assertActive: () => void;
}

/** Handles rejections of every returned promise: one that a skill forgot to await must not crash the process. */
function withHandledRejections<Methods extends object>(methods: Methods): Methods {
  const wrapped =
    (method: (...given: unknown[]) => unknown) =>
    (...given: unknown[]): unknown => {
      const answer = method(...given);
      if (answer instanceof Promise) answer.catch(() => {});
      return answer;
    };
  return Object.fromEntries(
    Object.entries(methods).map(([name, value]) => [name, typeof value === 'function' ? wrapped(value) : value]),
  ) as Methods;
}

/** Creates the context of one handler. */
export function createContext(source: ContextSource): RevocableContext {
  const { registry, loaded, transaction, outbox, now, eventId } = source;
  const skill = loaded.skill.name;
  let revoked = false;
  const assertActive = (): void => {
    if (revoked)
      throw new Error(`the skill "${skill}" used its context after its handler had ended: an await is missing`);
  };

  const addresses = (room: string | RoomAddress): readonly RoomAddress[] => {
    if (typeof room !== 'string') {
      if (ROOMLESS.has(room.connector)) throw new CommandError('That posts in a room: set `room` to its name.');
      return [room];
    }
    const found = registry.rooms.byName(room);
    if (!found) throw new Error(`there is no room "${room}"`);
    return found.addresses;
  };

  const intend = (
    room: string | RoomAddress,
    key: string | null,
    message: MessageLike,
    options: PostOptions,
    removed = false,
  ): void => {
    assertActive();
    for (const address of addresses(room)) outbox.intend({ ...intentFor(address, key, message, options), removed });
  };

  const intentFor = (address: RoomAddress, key: string | null, message: MessageLike, options: PostOptions) => ({
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

  const context: Context<unknown> = withHandledRejections({
    options: loaded.options,
    now,
    timeZone: registry.timeZone,
    log: loaded.log,
    people: withHandledRejections(peopleOf(source, assertActive)),
    botName: registry.botName,
    publicUrl: registry.publicUrl,
    rooms: registry.rooms,
    sql: async (text, parameters) => {
      assertActive();
      return transaction.query(text, parameters);
    },
    state: withHandledRejections({
      get: async <T extends Json>(key: string) => {
        assertActive();
        const [row] = await transaction.query<{ value: string }>(
          'select value from skill_state where skill = $1 and key = $2 for update',
          [skill, key],
        );
        return row && (JSON.parse(row.value) as T);
      },
      set: async (key, value) => {
        assertActive();
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
      assertActive();
      await notifyPerson(source, context.post, { skill, person }, message, options);
    },
    file: async (file) => {
      assertActive();
      return keepFile(transaction.query, file);
    },
    remove: async (room, key) => intend(room, key, '', {}, true),
    shown: async (room, key): Promise<Shown | undefined> => {
      assertActive();
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
      assertActive();
      if (!loaded.skill.timers?.[timer]) throw new Error(`the skill "${skill}" has no timer "${timer}"`);
      outbox.timer(skill, key, {
        name: timer,
        payload: JSON.stringify(payload ?? null),
        dueAt: validDate('the time', time),
      });
    },
    cancel: async (key) => {
      assertActive();
      outbox.timer(skill, key, null);
    },
    ...taskCalls(source, assertActive),
    emit: async ({ name, payload: schema }, payload) => {
      assertActive();
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
      assertActive();
      await writeConversation(transaction.query, { ...conversation, skill, belongsTo: room });
    },
    changed: async (query) => {
      assertActive();
      if (!loaded.skill.queries?.[query]) throw new Error(`the skill "${skill}" has no query "${query}"`);
      outbox.change(query);
    },
    observe: async (histogram, value) => {
      assertActive();
      if (!loaded.skill.histograms?.[histogram])
        throw new Error(`the skill "${skill}" has no histogram "${histogram}"`);
      if (!Number.isFinite(value)) throw new TypeError(`the histogram ${histogram} takes finite numbers, not ${value}`);
      outbox.observe(histogram, value);
    },
    can: async (actor: Actor, command: string, room: RoomAddress, resource?: string) => {
      assertActive();
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
          unlisted: entry.command.unlisted,
          resource,
        }).allow
      );
    },
  });
  return { context, assertActive, revoke: () => void (revoked = true) };
}

/** The directory; who is on call is read in the handler's transaction. */
function peopleOf({ registry, transaction, now }: ContextSource, assertActive: () => void): PeopleOnCall {
  const query: Query = async (text, parameters) => {
    assertActive();
    return transaction.query(text, parameters);
  };
  return createPeopleOnCall({ people: registry.people, schedules: registry.schedules, query, now });
}

function validDate(what: string, date: Date): Date {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
  throw new TypeError(`${what} must be a valid Date, not ${String(date)}`);
}
