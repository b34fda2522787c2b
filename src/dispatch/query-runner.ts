import pLimit from 'p-limit';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Actor } from '../contract/actor.ts';
import type { Query, QueryContext } from '../contract/query.ts';
import type { Sql } from '../contract/sql.ts';
import type { Database } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import { runHandler } from '../handlers/run-handler.ts';
import { createPeopleOnCall } from '../people/people-on-call.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';

/** Time limit of each statement in a query. */
const STATEMENT_MS = 5000;
/** The rest of the pool is for handling events. */
const QUERIES_AT_ONCE = 4;
const BEGIN = `begin isolation level repeatable read read only; set local statement_timeout = ${STATEMENT_MS}`;

/** A query as it is asked. Input is text by name, as in a URL; the query's schema defines the types. */
export interface Asked {
  readonly actor: Actor;
  readonly skill: string;
  readonly query: string;
  readonly input: Readonly<Record<string, string>>;
}

export type QueryOutcome =
  | { readonly outcome: 'ok'; readonly answer: unknown }
  /** `unknown`: there is no such query; `missing`: what it was asked about does not exist. `says` is one sentence for people. */
  | { readonly outcome: 'unknown' | 'missing' | 'invalid' | 'denied'; readonly message: string };

export interface QueryRunnerOptions {
  readonly registry: () => Registry;
  readonly database: Database;
  readonly clock: Clock;
  /** For tests: fail if an answer does not match its schema. Otherwise it is returned, with a warning in the log. */
  readonly isStrict?: boolean;
}

/** Runs queries of skills, under the same access policy as commands. */
export class QueryRunner {
  readonly #options: QueryRunnerOptions;
  readonly #inTurn = pLimit(QUERIES_AT_ONCE);
  readonly #warned = new Set<string>();

  constructor(options: QueryRunnerOptions) {
    this.#options = options;
  }

  /** @throws {DatabaseAway} and the query's own errors; `isTransientError` tells which are worth a retry. */
  async ask(asked: Asked): Promise<QueryOutcome> {
    const registry = this.#options.registry();
    const loaded = registry.skills.get(asked.skill);
    const query = own(queriesIn(registry, asked.skill), asked.query);
    if (!loaded || !query) return { outcome: 'unknown', message: unknownText(registry, asked) };
    const may = (room: string | undefined) => decide(registry, asked, query, room);
    const decision = may(undefined);
    if (!decision.allow) return { outcome: 'denied', message: decision.because };
    const takes = inputOf(query);
    const input = takes.input.safeParse(readInput(takes, asked.input));
    if (!input.success) return { outcome: 'invalid', message: problemsOf(input.error) };
    try {
      const answer = await this.#inTurn(() => this.#run(registry, loaded, query, { asked, input: input.data, may }));
      return { outcome: 'ok', answer: this.#checked(loaded, asked, query, answer) };
    } catch (error) {
      if (codeOf(error) === 'WB_COMMAND') return { outcome: 'missing', message: messageOf(error) };
      // 25006: the transaction is read-only. Anywhere else it means that the database is.
      if (codeOf(error) === '25006' || codeOf((error as Error).cause) === '25006')
        throw new Error(`the query ${nameOf(asked)} tried to write; queries are read-only`, { cause: error });
      throw error;
    }
  }

  /** Whether the actor may run a query at all, in any room; always true for `all`. */
  mayRun(actor: Actor, name: string): boolean {
    const registry = this.#options.registry();
    const [skill = '', query = ''] = name.split(' ');
    const declared = own(queriesIn(registry, skill), query);
    if (name === 'all') return true;
    return declared !== undefined && decide(registry, { actor, skill, query }, declared, undefined).allow;
  }

  #run(registry: Registry, loaded: LoadedSkill, query: Query, { asked, input, may }: Run): Promise<unknown> {
    const { database, clock } = this.#options;
    return database.connection(async ({ query: sql, script }) => {
      let revoked = false;
      const now = clock.now();
      const read: Sql = async (text, parameters) => {
        if (revoked) throw new Error(`the query ${nameOf(asked)} used sql after it had ended: an await is missing`);
        return sql(text, parameters);
      };
      const context: QueryContext = {
        options: loaded.options,
        now,
        timeZone: registry.timeZone,
        log: loaded.log,
        people: createPeopleOnCall({ people: registry.people, schedules: registry.schedules, query: read, now }),
        publicUrl: registry.publicUrl,
        rooms: registry.rooms,
        actor: asked.actor,
        canIn: (room) => may(room).allow,
        sql: read,
      };
      // Not awaited: it is sent together with the first statement.
      const begun = script(BEGIN);
      const answering = runHandler({ revoke: () => void (revoked = true) }, () => query.run(context, input));
      const [answer] = await Promise.all([answering, begun]);
      await script('commit');
      return answer;
    });
  }

  #checked({ log }: LoadedSkill, asked: Asked, query: Query, answer: unknown): unknown {
    const checked = query.output.safeParse(answer);
    if (checked.success) return checked.data;
    const name = nameOf(asked);
    const reason = problemsOf(checked.error);
    if (this.#options.isStrict) throw new Error(`the answer of ${name} does not match its schema: ${reason}`);
    if (!this.#warned.has(name)) log.warn({ query: name, reason }, 'answer of a query does not match its schema');
    this.#warned.add(name);
    return answer;
  }
}

interface Run {
  readonly asked: Asked;
  readonly input: Record<string, unknown>;
  readonly may: (room: string | undefined) => { readonly allow: boolean };
}

function own<Value>(map: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function queriesIn(registry: Registry, skill: string): Readonly<Record<string, Query>> {
  const loaded = registry.skills.get(skill);
  return loaded ? queriesOf(loaded) : {};
}

export function queriesOf({ skill }: LoadedSkill): Readonly<Record<string, Query>> {
  return skill.queries ?? {};
}

/** The name in access rules and `changes`, and for people. */
export function nameOf({ skill, query }: { readonly skill: string; readonly query: string }): string {
  return `${skill} ${query}`;
}

/** Without a room, access is that of a direct message; otherwise as if it was asked in the room. */
function decide(
  registry: Registry,
  { actor, skill, query: name }: Pick<Asked, 'actor' | 'skill' | 'query'>,
  query: Query,
  room: string | undefined,
) {
  return registry.decide({
    actor,
    ...{ skill, command: nameOf({ skill, query: name }), class: query.class ?? 'read', isQuery: true },
    room,
    direct: room === undefined,
  });
}

/** How to read a query's input: the types of numbers and booleans, and a schema that rejects unknown names. */
interface ReadInput {
  readonly types: Readonly<Record<string, string>>;
  readonly input: z.ZodObject;
}

/** Cached, because compiling a schema takes longer than most queries. */
const readInputs = new WeakMap<Query, ReadInput>();

function inputOf(query: Query): ReadInput {
  let found = readInputs.get(query);
  if (!found) {
    const { properties = {} } = z.toJSONSchema(query.input, { io: 'input' });
    const types = Object.entries(properties).map(([name, schema]) => [
      name,
      typeof schema === 'object' ? String(schema.type) : '',
    ]);
    found = { types: Object.fromEntries(types), input: query.input.strict() };
    readInputs.set(query, found);
  }
  return found;
}

function readInput({ types }: ReadInput, given: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).map(([name, text]) => [name, readScalar(text, own(types, name))]));
}

/** Text that is not a number or boolean stays text, which the schema rejects. */
function readScalar(text: string, type: string | undefined): string | number | boolean {
  if ((type === 'integer' || type === 'number') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function problemsOf({ issues }: z.ZodError): string {
  return issues
    .slice(0, 5)
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');
}

function unknownText(registry: Registry, { skill, query }: Asked): string {
  const loaded = registry.skills.get(skill);
  const known = loaded ? Object.keys(queriesOf(loaded)) : [];
  if (!loaded) return `there is no skill "${skill}"; skills: ${[...registry.skills.keys()].join(', ')}`;
  if (known.length === 0) return `the skill ${skill} has no queries`;
  return `the skill ${skill} has no query "${query}"; queries: ${known.join(', ')}`;
}
