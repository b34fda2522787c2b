import { z } from 'zod';
import { entryOf, type PlatformOptions } from './connector-options.ts';
import { configSchemaOf } from './schema.ts';
import type { AnySkill } from './skill-options.ts';

/** The subset of JSON Schema that zod writes. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  title?: string;
  description?: string;
  /** Our extension: the key is accepted but has no effect yet, with the consequence. Becomes part of the description. */
  noEffect?: string;
  type?: string | string[];
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
}

/** The complete schema for editors and the chart: the core's keys, each platform's and each skill's. */
export function jsonSchema(skills: readonly AnySkill[], platforms: readonly PlatformOptions[]): JsonSchema {
  const schema = toJsonSchema(configSchemaOf(platforms));
  schema.$id = 'watchbell.schema.json';
  schema.title = 'Watchbell configuration';
  const $defs = (schema.$defs ??= {});
  const properties = (schema.properties ??= {});

  // An entry named after its platform needs no `type`: the parser's discriminated union cannot express that.
  const connectors: Record<string, JsonSchema> = {};
  const typed: JsonSchema[] = [];
  for (const platform of platforms) {
    const { type } = platform;
    const entry = embed(toJsonSchema(entryOf(platform)), `connector-${type}`, $defs);
    const named = {
      ...entry,
      properties: { type: { const: type, description: "Platform; default: the entry's name." }, ...entry.properties },
    };
    connectors[type] = named;
    typed.push({ ...named, required: ['type', ...(entry.required ?? [])] });
  }
  properties['connectors'] = {
    ...properties['connectors'],
    properties: connectors,
    additionalProperties: { oneOf: typed },
  };

  const options: Record<string, JsonSchema> = {};
  for (const skill of skills) {
    const own = skill.options
      ? embed(toJsonSchema(skill.options), `skill-${skill.name}`, $defs)
      : { type: 'object', additionalProperties: false };
    options[skill.name] = {
      ...(skill.description !== undefined && { description: skill.description }),
      anyOf: [own, { const: false }, { type: 'null' }],
    };
  }
  properties['skills'] = { ...properties['skills'], type: 'object', properties: options, additionalProperties: true };
  return schema;
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: (context) => {
      const one = context.jsonSchema as JsonSchema;
      if (one.noEffect === undefined) return;
      one.description = [one.description, `No effect yet: ${one.noEffect}.`].filter(Boolean).join(' ');
      delete one.noEffect;
    },
  }) as JsonSchema;
}

/** Moves the definitions of a schema into the complete one, under prefixed names, and updates its references. */
function embed(schema: JsonSchema, prefix: string, $defs: Record<string, JsonSchema>): JsonSchema {
  const { $schema: _, $defs: own = {}, ...rest } = schema;
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (key !== '$ref' || typeof inner !== 'string') return [key, rename(inner)];
        return [key, inner === '#' ? `#/$defs/${prefix}` : inner.replace('#/$defs/', `#/$defs/${prefix}-`)];
      }),
    );
  };
  const renamed = rename(rest) as JsonSchema;
  if (JSON.stringify(rest).includes('"$ref":"#"')) $defs[prefix] = renamed;
  for (const [name, definition] of Object.entries(own)) $defs[`${prefix}-${name}`] = rename(definition) as JsonSchema;
  return renamed;
}

/** The reference in Markdown: one table a section, one row a key. */
export function reference(schema: JsonSchema): string {
  const sections = Object.entries(schema.properties ?? {});
  const simple = sections.filter(([, section]) => rowsOf(section, schema).length === 0);
  const rest = sections.filter(([, section]) => rowsOf(section, schema).length > 0);
  return `${[
    '# Configuration reference',
    'Generated from the schema by `node scripts/config-schema.ts`; see [example.yaml](example.yaml) for an example. `NAME` is a name of your choice, `[]` means each item of a list.',
    table(simple.map(([name, section]) => row(name, section, schema))),
    ...rest.flatMap(([name, section]) => [`## ${name}`, section.description ?? '', table(rowsOf(section, schema))]),
  ].join('\n\n')}\n`;
}

interface Row {
  readonly key: string;
  readonly form: string;
  readonly meaning: string;
}

function table(rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    '| key | type | description |',
    '|---|---|---|',
    ...rows.map(({ key, form, meaning }) => `| \`${cell(key)}\` | ${cell(form)} | ${cell(meaning)} |`),
  ].join('\n');
}

/** A connector that is not documented. */
const TEST_CONNECTOR = 'memory';

/** `isOneOf`: this is one of several alternatives, so none of its keys is required. */
function rowsOf(
  schema: JsonSchema,
  root: JsonSchema,
  prefix = '',
  seen: readonly JsonSchema[] = [],
  isOneOf = false,
): Row[] {
  const target = resolve(schema, root);
  if (seen.includes(target) || isSecret(target)) return [];
  const inside = [...seen, target];
  const rows: Row[] = [];
  for (const [key, inner] of Object.entries(target.properties ?? {})) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    if (path === TEST_CONNECTOR) continue;
    rows.push(
      row(path, inner, root, !isOneOf && (target.required ?? []).includes(key)),
      ...rowsOf(inner, root, path, inside),
    );
  }
  if (typeof target.additionalProperties === 'object' && !target.properties) {
    const path = prefix === '' ? 'NAME' : `${prefix}.NAME`;
    const below = rowsOf(target.additionalProperties, root, path, inside);
    rows.push(...(below.length > 0 ? below : [row(path, target.additionalProperties, root)]));
  }
  if (target.items) rows.push(...rowsOf(target.items, root, `${prefix}[]`, inside));
  const maps = (target.anyOf ?? []).filter((one) => resolve(one, root).properties);
  for (const alternative of target.anyOf ?? [])
    rows.push(...rowsOf(alternative, root, prefix, inside, maps.length > 1));
  return rows;
}

function row(key: string, schema: JsonSchema, root: JsonSchema, isRequired = false): Row {
  const target = resolve(schema, root);
  const meaning = schema.description ?? target.description ?? '';
  const isScalar = schema.default !== undefined && typeof schema.default !== 'object';
  const fallback = isScalar && !/default/i.test(meaning) ? `Default ${String(schema.default)}.` : '';
  return {
    key,
    form: formOf(schema, root),
    meaning: [isRequired ? '**Required.**' : '', meaning, fallback].filter(Boolean).join(' '),
  };
}

function formOf(schema: JsonSchema, root: JsonSchema): string {
  const reference = schema.$ref?.replace('#/$defs/', '').replace(/^(?:connector|skill)-[^-]+-/, '');
  const named: Readonly<Record<string, string>> = {
    secret: 'secret',
    duration: 'duration',
    size: 'size',
    timeZone: 'time zone',
  };
  const known = reference === undefined ? undefined : named[reference];
  if (known !== undefined) return known;
  const target = resolve(schema, root);
  if (isSecret(target)) return 'secret';
  if (target.enum) return target.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (target.const !== undefined)
    return `\`${typeof target.const === 'string' ? target.const : JSON.stringify(target.const)}\``;
  const alternatives = target.anyOf ?? target.oneOf;
  if (alternatives) return [...new Set(alternatives.map((one) => formOf(one, root)))].join(' or ');
  const types = typeof target.type === 'string' ? [target.type] : (target.type ?? []);
  return types.map((type) => typeText(type, target, root)).join(' or ') || 'any';
}

function typeText(type: string, schema: JsonSchema, root: JsonSchema): string {
  switch (type) {
    case 'array':
      return schema.items ? `list of ${formOf(schema.items, root)}` : 'list';
    case 'object':
      return 'map';
    case 'string':
      return 'text';
    case 'integer':
      return 'whole number';
    case 'boolean':
      return '`true` or `false`';
    case 'null':
      return 'nothing';
    default:
      return type;
  }
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let at = schema;
  for (let hops = 0; at.$ref !== undefined && hops < 10; hops++)
    at = root.$defs?.[at.$ref.replace('#/$defs/', '')] ?? {};
  return at;
}

function isSecret(schema: JsonSchema): boolean {
  const keys = (schema.anyOf ?? []).flatMap((one) => Object.keys(one.properties ?? {}));
  return keys.length === 2 && keys.includes('file') && keys.includes('env');
}
