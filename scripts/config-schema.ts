/** Writes docs/reference/watchbell.schema.json and configuration.md from the schema: `node scripts/config-schema.ts`. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { jsonSchema, reference } from '../src/config/reference.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../src/skills/load.ts';

const directory = resolve(import.meta.dirname, '../docs/reference');
const { skills, broken } = await loadSkills([BUILT_IN_SKILLS]);
if (broken.length > 0) throw new Error(broken.map(({ file, reason }) => `${file}: ${reason}`).join('\n'));
const schema = jsonSchema(skills.map(({ skill }) => skill));
await writeFile(resolve(directory, 'watchbell.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);
await writeFile(resolve(directory, 'configuration.md'), reference(schema));
