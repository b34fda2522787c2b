import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { brokenNames, readConfiguration } from '../cli/read-configuration.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../skills/load.ts';
import { jsonSchema, reference, type JsonSchema } from './reference.ts';

const directory = resolve(import.meta.dirname, '../../docs/reference');
const LATER_SKILLS = ['coffee', 'countdown', 'jobs'];

test('the reference that is checked in is current: run `node scripts/config-schema.ts`', async () => {
  const folders = await loadSkills([BUILT_IN_SKILLS]);
  expect(brokenNames(folders)).toEqual([]);
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

test('the example parses, apart from platforms and skills that come later', async () => {
  const { result } = await readConfiguration(resolve(directory, 'example.yaml'), {
    configPath: undefined,
    secretsDirectory: '/nowhere',
    logLevel: 'info',
    env: {},
  });
  const problems = result.ok ? [] : result.problems;
  const later = (line: string): boolean =>
    line.endsWith('is not part of this release yet') ||
    LATER_SKILLS.some((skill) => line.includes(`no skill is called "${skill}"`));
  expect(problems.filter((line) => !later(line))).toEqual([]);
  expect(problems.length).toBeGreaterThan(0); // when all has come, this filter can go
});
