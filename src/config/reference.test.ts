import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { jsonSchema, reference, type JsonSchema } from './reference.ts';

const directory = resolve(import.meta.dirname, '../../docs/reference');

test('the reference that is checked in is current: run `node scripts/config-schema.ts`', async () => {
  const folders = await loadSkills([BUILT_IN_SKILLS]);
  expect(folders.broken).toEqual([]);
  const schema = jsonSchema(folders.skills.map(({ skill }) => skill));
  expect(await readFile(resolve(directory, 'watchbell.schema.json'), 'utf8')).toBe(
    `${JSON.stringify(schema, null, 2)}\n`,
  );
  expect(await readFile(resolve(directory, 'configuration.md'), 'utf8')).toBe(reference(schema));
});

test('every reference inside the schema leads somewhere', () => {
  const schema = jsonSchema([]);
  const references = JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g);
  for (const [, name = ''] of references) expect(schema.$defs).toHaveProperty([name]);
});

test('every key of the core says what it is', () => {
  const undescribed: string[] = [];
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [key, inner] of Object.entries(schema.properties ?? {})) {
      if (inner.description === undefined) undescribed.push(`${path}${key}`);
      visit(inner, `${path}${key}.`);
    }
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, `${path}NAME.`);
    if (schema.items) visit(schema.items, `${path}[].`);
  };
  const schema = jsonSchema([]);
  delete schema.properties?.['connectors'];
  visit(schema, '');
  expect(undescribed).toEqual([]);
});
