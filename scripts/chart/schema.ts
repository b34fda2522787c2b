import { z } from 'zod';
import type { JsonSchema } from '../../src/config/reference.ts';
import { eachWithHints, otherNames, withHints } from './hints.ts';
import { valuesSchema } from './values.ts';

/** Where a parent chart says `condition: watchbell.enabled`, this chart is given the word too. Here it would switch nothing off. */
const ENABLED: JsonSchema = { enum: [true], description: 'Read by a parent chart: `condition` of its dependencies.' };

/**
 * The values as JSON Schema, draft 7, which every helm 3 and 4 reads; `config` has the schema of the configuration itself.
 * Its definitions move to the top, where its references look for them.
 */
export function valuesJsonSchema(configuration: JsonSchema): JsonSchema {
  const schema = optional(z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input' }) as JsonSchema);
  const { $schema: _, $id: __, title: ___, $defs = {}, ...config } = configuration;
  const description = schema.properties?.['config']?.description ?? '';
  const properties = { enabled: ENABLED, ...schema.properties, config: { ...config, description } };
  const hinted = withHints({ ...schema, properties });
  return { ...hinted, properties: { ...hinted.properties, ...otherNames() }, $defs: eachWithHints($defs) };
}

/** What values.yaml says need not be said again; `helm upgrade --reuse-values` from an older release brings less than that. */
function optional(required: JsonSchema): JsonSchema {
  const { required: _, ...schema } = required;
  if (!schema.properties) return schema;
  const inner = Object.entries(schema.properties).map(
    ([key, one]) => [key, one.properties ? optional(one) : one] as const,
  );
  return { ...schema, properties: Object.fromEntries(inner) };
}
