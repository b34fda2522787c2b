import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PLATFORMS } from '../connectors/platforms.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { jsonSchema, reference, type JsonSchema } from './reference.ts';

const directory = resolve(import.meta.dirname, '../../docs/reference');

test('the reference that is checked in is current: run `node scripts/config-schema.ts`', async () => {
  const folders = await loadSkills([BUILT_IN_SKILLS]);
  expect(folders.broken).toEqual([]);
  const schema = jsonSchema(
    folders.skills.map(({ skill }) => skill),
    PLATFORMS,
  );
  expect(await readFile(resolve(directory, 'watchbell.schema.json'), 'utf8')).toBe(
    `${JSON.stringify(schema, null, 2)}\n`,
  );
  expect(await readFile(resolve(directory, 'configuration.md'), 'utf8')).toBe(reference(schema));
});

test('every reference inside the schema resolves', () => {
  const schema = jsonSchema([], PLATFORMS);
  const references = JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g);
  for (const [, name = ''] of references) expect(schema.$defs).toHaveProperty([name]);
});

test('every key of the core and of the built-in skills has a description', async () => {
  const undescribed: string[] = [];
  const seen = new Set<JsonSchema>();
  const visit = (schema: JsonSchema, path: string): void => {
    if (seen.has(schema)) return;
    seen.add(schema);
    for (const [key, inner] of Object.entries(schema.properties ?? {})) {
      if (described(inner) === undefined) undescribed.push(`${path}${key}`);
      visit(inner, `${path}${key}.`);
    }
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, `${path}NAME.`);
    if (schema.items) visit(schema.items, `${path}[].`);
    for (const one of schema.anyOf ?? []) visit(one, path);
    if (schema.$ref) visit(refer(schema), path);
  };
  const refer = (schema: JsonSchema): JsonSchema => root.$defs?.[schema.$ref?.replace('#/$defs/', '') ?? ''] ?? {};
  const described = (schema: JsonSchema): string | undefined => schema.description ?? refer(schema).description;
  const { skills } = await loadSkills([BUILT_IN_SKILLS]);
  const root = jsonSchema(
    skills.map(({ skill }) => skill),
    PLATFORMS,
  );
  delete root.properties?.['connectors'];
  visit(root, '');
  expect(undescribed).toEqual([]);
});

test('alternatives are not required, the test connector is not listed, and keys without effect are marked', async () => {
  const { skills } = await loadSkills([BUILT_IN_SKILLS]);
  const page = reference(
    jsonSchema(
      skills.map(({ skill }) => skill),
      PLATFORMS,
    ),
  );
  expect(page).toMatch(/`alerts\.policies\.NAME\.steps\[\]\.after` \| text \| \*\*Required\.\*\*/);
  expect(page).not.toMatch(/`alerts\.policies\.NAME\.steps\[\]\.notify\[\]\.\w+`[^\n]*Required/);
  expect(page).not.toContain('memory');
  expect(page.match(/No effect yet: /g)).toHaveLength(9);
});
