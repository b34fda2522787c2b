import { z } from 'zod';
import { queriesOf } from '../dispatch/queries.ts';
import type { LoadedSkill, World } from '../dispatch/world.ts';
import type { Query } from '../skill.ts';

type Json = Readonly<Record<string, unknown>>;

const documents = new WeakMap<World, Json>();

/** OpenAPI 3.1 of what this configuration answers and takes, from the schemas by which it is checked. */
export function openApi(world: World, version: string): Json {
  const known = documents.get(world);
  if (known) return known;
  const made = documentOf(world, version);
  documents.set(world, made);
  return made;
}

function documentOf(world: World, version: string): Json {
  const skills = [...world.skills.values()];
  return {
    openapi: '3.1.0',
    info: {
      title: world.botName,
      version,
      description: 'What the skills of this bot answer and take. Errors are one sentence that says what to do.',
    },
    servers: [{ url: world.publicUrl ?? '/' }],
    security: [{ token: [] }],
    tags: skills.map(({ skill }) => ({ name: skill.name, description: skill.description ?? '' })),
    paths: Object.assign({}, ...skills.map(pathsOf)),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'One of api.tokens.' } },
      schemas: { Problem: PROBLEM },
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
      ...refusals(400, 401, 403, 404, 405, 429, 503),
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

export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

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
  429: 'Too many wrong tokens.',
  503: 'The bot cannot do that now: ask again.',
};

const RESPONSES = Object.fromEntries(
  Object.entries(SAYS).map(([status, description]) => [
    `Problem${status}`,
    { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  ]),
);

export function refusals(...statuses: readonly number[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));
}
