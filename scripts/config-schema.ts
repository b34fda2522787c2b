/** Writes docs/reference: watchbell.schema.json and configuration.md from the schema, metrics.md from the program. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { jsonSchema, reference } from '../src/config/reference.ts';
import { PLATFORMS } from '../src/connectors/platforms.ts';
import { createMetrics, declareHistograms } from '../src/metrics.ts';
import { metricsPage } from '../src/metrics-page.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../src/skills/load.ts';

const directory = resolve(import.meta.dirname, '../docs/reference');
const { skills, broken } = await loadSkills([BUILT_IN_SKILLS]);
if (broken.length > 0) throw new Error(broken.map(({ file, reason }) => `${file}: ${reason}`).join('\n'));
const declared = skills.map(({ skill }) => skill);
const schema = jsonSchema(declared, PLATFORMS);
await writeFile(resolve(directory, 'watchbell.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);
await writeFile(resolve(directory, 'configuration.md'), reference(schema));
const metrics = createMetrics({ version: '', ofProcess: false });
declareHistograms(metrics, declared);
await writeFile(resolve(directory, 'metrics.md'), await metricsPage(metrics, declared));
