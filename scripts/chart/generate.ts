/** Writes charts/watchbell/values.schema.json, and the table of values in its README: `npm run chart`. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { jsonSchema } from '../../src/config/reference.ts';
import { PLATFORMS } from '../../src/connectors/platforms.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../../src/skills/load.ts';
import { valuesTable } from './readme.ts';
import { valuesJsonSchema } from './schema.ts';

const BEGIN = '<!-- written by `npm run chart`: begin -->';
const END = '<!-- end -->';

export const CHART = resolve(import.meta.dirname, '../../charts/watchbell');

/** Each generated file by its path, with its expected content. */
export async function generate(): Promise<Map<string, string>> {
  const { skills, broken } = await loadSkills([BUILT_IN_SKILLS]);
  if (broken.length > 0) throw new Error(broken.map(({ file, reason }) => `${file}: ${reason}`).join('\n'));
  const schema = valuesJsonSchema(
    jsonSchema(
      skills.map(({ skill }) => skill),
      PLATFORMS,
    ),
  );
  const values: unknown = parse(await readFile(resolve(CHART, 'values.yaml'), 'utf8'));

  const readme = resolve(CHART, 'README.md');
  const text = await readFile(readme, 'utf8');
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`${readme} lacks its markers: ${BEGIN} … ${END}`);
  const written = `${before}${BEGIN}\n<!-- prettier-ignore-start -->\n\n${valuesTable(values)}\n\n<!-- prettier-ignore-end -->\n${END}${after}`;
  return new Map([
    [resolve(CHART, 'values.schema.json'), `${JSON.stringify(schema, null, 1)}\n`],
    [readme, written],
  ]);
}

if (process.argv[1] === import.meta.filename)
  for (const [file, content] of await generate()) await writeFile(file, content);
