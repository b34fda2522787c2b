import { z } from 'zod';
import type { Query } from '../contract/query.ts';
import { queriesOf } from '../dispatch/query-runner.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import { commandBody, IDEMPOTENCY_KEY } from './commands.ts';

type Json = Readonly<Record<string, unknown>>;

const documents = new WeakMap<Registry, Json>();

/** OpenAPI 3.1 of what this configuration answers and takes, from the schemas by which it is checked. */
export function openApi(registry: Registry, version: string): Json {
  const known = documents.get(registry);
  if (known) return known;
  const made = documentOf(registry, version);
  documents.set(registry, made);
  return made;
}

function documentOf(registry: Registry, version: string): Json {
  const skills = [...registry.skills.values()];
  return {
    openapi: '3.1.0',
    info: {
      title: registry.botName,
      version,
      description: 'What the skills of this bot answer and take. Errors are one sentence that says what to do.',
    },
    servers: [{ url: registry.publicUrl ?? '/' }],
    security: [{ token: [] }],
    tags: skills.map(({ skill }) => ({ name: skill.name, description: skill.description ?? '' })),
    paths: Object.assign(
      { '/api/v1/commands': { post: SAYING }, '/api/v1/changes': { get: CHANGES } },
      ...skills.map(pathsOf),
    ),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'One of api.tokens.' } },
      schemas: { Problem: PROBLEM, Outcome: schemaOf(outcome, 'output') },
      responses: RESPONSES,
    },
  };
}

function pathsOf(loaded: LoadedSkill): Json {
  const { name } = loaded.skill;
  return Object.fromEntries(
    Object.entries(queriesOf(loaded)).map(([query, declared]) => [
      `/api/v1/${name}/${query}`,
      { get: operationOf(name, query, declared) },
    ]),
  );
}

function operationOf(skill: string, name: string, query: Query): Json {
  return {
    operationId: `${skill}_${name}`.replaceAll('-', '_'),
    tags: [skill],
    summary: query.help,
    parameters: parametersOf(query),
    responses: {
      200: {
        description: 'The answer.',
        content: { 'application/json': { schema: schemaOf(query.output, 'output') } },
      },
      ...refusals(400, 401, 403, 404, 405, 503),
    },
  };
}

function parametersOf(query: Query): Json[] {
  const { properties = {}, required = [] } = schemaOf(query.input, 'input') as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

const url = z.object({ label: z.string(), url: z.string() });
const outcome = z.object({
  outcome: z.enum(['ok', 'cancelled', 'confirm', 'invalid', 'denied', 'wrong', 'failed']),
  message: z
    .object({
      title: z.string(),
      text: z.string().describe('Without markup.'),
      markdown: z.string(),
      tone: z.enum(['critical', 'warning', 'info', 'ok', 'neutral']),
      fields: z.array(z.object({ label: z.string(), value: z.string() })),
      links: z.array(url),
      code: z.string(),
      actions: z.array(z.object({ label: z.string(), say: z.string() })).describe('What may be said next.'),
    })
    .partial()
    .nullable()
    .describe('What a room would have shown.'),
  say: z.string().optional().describe('With `confirm`: the words that do it.'),
});

const OUTCOME_SAYS: Readonly<Record<number, string>> = {
  200: 'It was done (`ok`), it ended what an earlier one began (`cancelled`), or it asks back (`confirm`).',
  400: 'No such command, or its words do not fit (`invalid`).',
  403: 'Whoever asks may not say it (`denied`).',
  409: 'It cannot be done now (`wrong`), or it is still running.',
  500: 'It failed in the bot (`failed`): nothing was done.',
};

function outcomesOf(): Json {
  const said = { 'application/json': { schema: { $ref: '#/components/schemas/Outcome' } } };
  const both = { ...said, 'application/problem+json': PROBLEM_CONTENT };
  return Object.fromEntries(
    Object.entries(OUTCOME_SAYS).map(([status, description]) => [
      status,
      { description, content: status === '200' ? said : both },
    ]),
  );
}

const PROBLEM_CONTENT = { schema: { $ref: '#/components/schemas/Problem' } };

const SAYING = {
  operationId: 'say',
  summary: 'says a command, once for each Idempotency-Key',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: true,
      description:
        'A new one for each command, such as a uuid; a repeat gets the same answer for as long as events are kept.',
      schema: { type: 'string', pattern: IDEMPOTENCY_KEY.source },
    },
  ],
  requestBody: { required: true, content: { 'application/json': { schema: schemaOf(commandBody, 'input') } } },
  responses: { ...outcomesOf(), ...refusals(401, 404, 405, 413, 415, 422, 503) },
};

const CHANGES = {
  operationId: 'changes',
  summary: 'streams the names of queries whose answers may have changed',
  description: 'Server-sent events, each with one name such as `alerts open`. Begins with `all`: ask for everything.',
  responses: {
    200: {
      description: 'Goes on until either side ends it.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
    ...refusals(401, 403, 405, 503),
  },
};

const PROBLEM = {
  type: 'object',
  required: ['type', 'status', 'title'],
  properties: {
    type: { const: 'about:blank' },
    status: { type: 'integer' },
    title: { type: 'string', description: 'What is wrong, and what to do.' },
  },
};

const SAYS: Readonly<Record<number, string>> = {
  400: 'What was sent is not what is taken here.',
  401: 'The token is missing or wrong.',
  403: 'Whoever asks may not.',
  404: 'There is no such thing.',
  405: 'The address knows other methods; `Allow` names them.',
  413: 'The body is too large.',
  415: 'The body is encoded in a way that is not known here.',
  422: 'The Idempotency-Key belongs to another command.',
  503: 'The bot cannot do that now: ask again.',
};

const RESPONSES = Object.fromEntries(
  Object.entries(SAYS).map(([status, description]) => [
    `Problem${status}`,
    { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  ]),
);

function refusals(...statuses: readonly number[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));
}
