import { z } from 'zod';
import type { Query } from '../contract/query.ts';
import { queriesOf } from '../dispatch/query-runner.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import { commandBody, IDEMPOTENCY_KEY } from './commands.ts';

type Json = Readonly<Record<string, unknown>>;

const documents = new WeakMap<Registry, Json>();

/** OpenAPI 3.1 document of the current configuration, from the schemas that validate requests. */
export function openApi(registry: Registry, version: string): Json {
  const known = documents.get(registry);
  if (known) return known;
  const document = documentOf(registry, version);
  documents.set(registry, document);
  return document;
}

function documentOf(registry: Registry, version: string): Json {
  const skills = [...registry.skills.values()];
  return {
    openapi: '3.1.0',
    info: {
      title: registry.botName,
      version,
      description: 'Queries and commands of the skills of this bot. Errors are one sentence that says what to do.',
    },
    servers: [{ url: registry.publicUrl ?? '/' }],
    security: [{ token: [] }],
    tags: skills.map(({ skill }) => ({ name: skill.name, description: skill.description ?? '' })),
    paths: Object.assign(
      { '/api/v1/commands': { post: RUN_COMMAND }, '/api/v1/changes': { get: CHANGES } },
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
      ...problems(400, 401, 403, 404, 405, 503),
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
      actions: z.array(z.object({ label: z.string(), say: z.string() })).describe('Possible next commands.'),
    })
    .partial()
    .nullable()
    .describe('The reply that a room would show.'),
  say: z.string().optional().describe('With `confirm`: the command that confirms.'),
});

const OUTCOME_DESCRIPTIONS: Readonly<Record<number, string>> = {
  200: 'Done (`ok`), cancelled something (`cancelled`), or needs a confirmation (`confirm`).',
  400: 'Unknown command, or wrong arguments (`invalid`).',
  403: 'The actor may not use this command (`denied`).',
  409: 'Not possible in the current state (`wrong`), or still running.',
  500: 'Internal error (`failed`): nothing was changed.',
};

function outcomesOf(): Json {
  const outcomeContent = { 'application/json': { schema: { $ref: '#/components/schemas/Outcome' } } };
  const both = { ...outcomeContent, 'application/problem+json': PROBLEM_CONTENT };
  return Object.fromEntries(
    Object.entries(OUTCOME_DESCRIPTIONS).map(([status, description]) => [
      status,
      { description, content: status === '200' ? outcomeContent : both },
    ]),
  );
}

const PROBLEM_CONTENT = { schema: { $ref: '#/components/schemas/Problem' } };

const RUN_COMMAND = {
  operationId: 'say',
  summary: 'runs a command, once per Idempotency-Key',
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: true,
      description:
        'A new one for each command, such as a UUID; a repeat gets the same answer as long as events are kept.',
      schema: { type: 'string', pattern: IDEMPOTENCY_KEY.source },
    },
  ],
  requestBody: { required: true, content: { 'application/json': { schema: schemaOf(commandBody, 'input') } } },
  responses: { ...outcomesOf(), ...problems(401, 404, 405, 413, 415, 422, 503) },
};

const CHANGES = {
  operationId: 'changes',
  summary: 'streams the names of queries whose answers may have changed',
  description: 'Server-sent events, each with one name such as `alerts open`. The first is `all`: reload everything.',
  responses: {
    200: {
      description: 'Stays open until either side closes it.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
    ...problems(401, 403, 405, 503),
  },
};

const PROBLEM = {
  type: 'object',
  required: ['type', 'status', 'title'],
  properties: {
    type: { const: 'about:blank' },
    status: { type: 'integer' },
    title: { type: 'string', description: 'The problem, and what to do.' },
  },
};

const PROBLEM_DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'The token is missing or wrong.',
  403: 'The actor may not do this.',
  404: 'Not found.',
  405: 'Method not allowed; `Allow` lists the allowed ones.',
  413: 'The body is too large.',
  415: 'The body has an unsupported encoding.',
  422: 'The Idempotency-Key was used for another command.',
  503: 'The bot cannot do this now: try again.',
};

const RESPONSES = Object.fromEntries(
  Object.entries(PROBLEM_DESCRIPTIONS).map(([status, description]) => [
    `Problem${status}`,
    { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  ]),
);

function problems(...statuses: readonly number[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));
}
