import type { JsonSchema } from '../../src/config/reference.ts';

/** Names that other charts use, and the name in this chart. */
const OTHER_NAMES = {
  replicaCount: 'replicas',
  env: 'extraEnv',
  envFrom: 'extraEnvFrom',
  volumes: 'extraVolumes',
  volumeMounts: 'extraVolumeMounts',
  initContainers: 'extraInitContainers',
} as const;

const TEXT = 'text, in quotes if it looks like a number or a boolean';
const LIST = 'a list of names: [ONE, TWO]';
const SECRET = '{ file: NAME }, where NAME is a key of a Secret under `secrets`';

/**
 * Says what to write instead of a value of a wrong type. Helm words schema errors itself ("got number, want
 * string"), but for a constant it prints what the value must be. So each text, list of texts and secret gets such a
 * constant, which nobody would write, as one more choice.
 */
export function withHints(schema: JsonSchema): JsonSchema {
  if (schema.anyOf) return withHint(schema, hintOfChoice(schema.anyOf));
  if (isText(schema)) return withHint(schema, TEXT);
  if (isList(schema)) return withHint(schema, LIST);
  return inside(schema);
}

export function eachWithHints(schemas: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(schemas).map(([key, one]) => [key, withHints(one)]));
}

/** Which value to use here instead of one from other charts. */
export function otherNames(): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(OTHER_NAMES).map(([name, here]) => [name, { enum: [`use ${here}`] }]));
}

function withHint(schema: JsonSchema, hint: string | undefined): JsonSchema {
  if (hint === undefined) return inside(schema);
  const { description, default: otherwise, ...shape } = schema;
  return {
    ...(description !== undefined && { description }),
    ...(otherwise !== undefined && { default: otherwise }),
    anyOf: [...(shape.anyOf ?? [shape]), { const: hint }],
  };
}

function hintOfChoice(choices: readonly JsonSchema[]): string | undefined {
  if (choices.some(isSecret)) return SECRET;
  if (!choices.some(isText)) return undefined;
  return choices.some(isList) ? `${TEXT}; or ${LIST}` : TEXT;
}

const isText = ({ type, ...rest }: JsonSchema): boolean =>
  type === 'string' &&
  Object.keys(rest).every((key) => ['description', 'default', 'minLength', 'maxLength', 'pattern'].includes(key));
const isList = ({ type, items }: JsonSchema): boolean => type === 'array' && items !== undefined && isText(items);
const isSecret = ({ properties }: JsonSchema): boolean => properties?.['file'] !== undefined;

function inside(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && { properties: eachWithHints(properties) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: withHints(additionalProperties) }),
    ...(items && { items: withHints(items) }),
    ...(anyOf && { anyOf: anyOf.map(withHints) }),
    ...(oneOf && { oneOf: oneOf.map(withHints) }),
  };
}
