import { z } from 'zod';
import type { JsonSchema } from '../../src/config/reference.ts';
import { eachWithHints, otherNames, withHints } from './hints.ts';
import { valuesSchema } from './values.ts';

/** Helm also passes a parent chart's `condition: watchbell.enabled` to this chart. It has no effect here. */
const ENABLED: JsonSchema = {
  enum: [true],
  description: 'Used by a parent chart, as the `condition` of its dependency.',
};

/**
 * The values as JSON Schema, draft 7, which every Helm 3 and 4 supports; `config` has the schema of the configuration itself.
 * Its definitions move to the top level, where its references expect them.
 */
export function valuesJsonSchema(configuration: JsonSchema): JsonSchema {
  const schema = optional(z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input' }) as JsonSchema);
  const { $schema: _, $id: __, title: ___, $defs = {}, ...config } = configuration;
  const description = schema.properties?.['config']?.description ?? '';
  const properties = { enabled: ENABLED, ...schema.properties, config: { ...config, description } };
  const hinted = withHints({ ...schema, properties });
  return { ...hinted, properties: { ...hinted.properties, ...otherNames() }, $defs: eachWithHints($defs) };
}

/** Nothing is required: values.yaml has the defaults, and `helm upgrade --reuse-values` from an older release lacks new keys. */
function optional(required: JsonSchema): JsonSchema {
  const { required: _, ...schema } = required;
  if (!schema.properties) return schema;
  const inner = Object.entries(schema.properties).map(
    ([key, one]) => [key, one.properties ? optional(one) : one] as const,
  );
  return { ...schema, properties: Object.fromEntries(inner) };
}
