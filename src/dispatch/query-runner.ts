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

/** What one statement of a query may take. */
const STATEMENT_MS = 5000;
/** The rest of the pool is for handling events. */
const QUERIES_AT_ONCE = 4;
const BEGIN = `begin isolation level repeatable read read only; set local statement_timeout = ${STATEMENT_MS}`;

/** A query as an asker names it. Input comes as text by name, as in an address: the query's schema says what it means. */
export interface Asked {
  readonly actor: Actor;
  readonly skill: string;
  readonly query: string;
  readonly input: Readonly<Record<string, string>>;
}

export type QueryOutcome =
  | { readonly outcome: 'ok'; readonly answer: unknown }
  /** `unknown`: there is no such query; `missing`: nor what it was asked about. `says` is a sentence with the remedy. */
  | { readonly outcome: 'unknown' | 'missing' | 'invalid' | 'denied'; readonly message: string };

export interface QueryRunnerOptions {
  readonly registry: () => Registry;
  readonly database: Database;
  readonly clock: Clock;
  /** For tests: an answer that is not what its schema says is an error. Otherwise readers get it, and the log says so. */
  readonly isStrict?: boolean;
}

/** Asks the queries of skills, with the access policy of commands. */
export class QueryRunner {
  readonly #options: QueryRunnerOptions;
  readonly #inTurn = pLimit(QUERIES_AT_ONCE);
  readonly #complained = new Set<string>();

  constructor(options: QueryRunnerOptions) {
    this.#options = options;
  }

  /** @throws {DatabaseAway} and what fails in the query; isTransientError tells what may pass. */
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
      // 25006: the transaction is read only. Elsewhere it means a database that takes no writes.
      if (codeOf(error) === '25006' || codeOf((error as Error).cause) === '25006')
        throw new Error(`the query ${nameOf(asked)} wrote something: a query only reads`, { cause: error });
      throw error;
    }
  }

  /** Whether they may ask it at all, apart from any room; `all`: any. */
  mayHear(actor: Actor, name: string): boolean {
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
        if (revoked) throw new Error(`the query ${nameOf(asked)} asked after it had ended: an await is missing`);
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
      // Not awaited: it goes out together with the first question.
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
    if (this.#options.isStrict) throw new Error(`the answer of ${name} is not what its schema says: ${reason}`);
    if (!this.#complained.has(name)) log.warn({ query: name, reason }, 'answer of a query is not what its schema says');
    this.#complained.add(name);
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

/** What access rules, `changes` and people call it. */
export function nameOf({ skill, query }: { readonly skill: string; readonly query: string }): string {
  return `${skill} ${query}`;
}

/** Apart from any room it is asked as in a direct message; what belongs to a room is asked about as if said there. */
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

/** What is taken of a query: which inputs are numbers or booleans, and a schema that refuses unknown ones. */
interface ReadInput {
  readonly types: Readonly<Record<string, string>>;
  readonly input: z.ZodObject;
}

/** A schema is compiled when it is used first, which takes longer than most queries. */
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

/** What is not written as such stays text, which the schema refuses. */
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
  if (!loaded) return `no skill is called "${skill}": there are ${[...registry.skills.keys()].join(', ')}`;
  if (known.length === 0) return `the skill ${skill} answers no queries`;
  return `the skill ${skill} has no query "${query}": there are ${known.join(', ')}`;
}
