/** `metrics.md` lists every metric, with its kind and labels, and no other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMetrics } from '../../src/metrics.ts';
import { BUILT_IN_SKILLS, loadSkills } from '../../src/skills/load.ts';

const ROW = /^\| `(watchbell_\w+)(?:\{([\w,]+)\})?` +\| (\w+)/gm;

test('the page has every metric of the program and of its skills, with kind and labels', async () => {
  const page = await readFile(join(import.meta.dirname, 'metrics.md'), 'utf8');
  const listed = [...page.matchAll(ROW)].map(([, name, labels = '', kind]) => `${kind} ${name}{${labels}}`);

  const { registry } = createMetrics({ version: '1.0.0', ofProcess: false });
  const ours = registry.getMetricsAsArray().map((metric) => {
    // Not in prom-client's types, though every metric has them.
    const { labelNames } = metric as unknown as { labelNames: readonly string[] };
    return `${metric.type} ${metric.name}{${labelNames.filter((label) => label !== 'le').join(',')}}`;
  });
  const { skills } = await loadSkills([BUILT_IN_SKILLS]);
  const theirs = skills.flatMap(({ skill }) => [
    ...Object.entries(skill.gauges ?? {}).map(([name, { labels }]) => `gauge ${name}{${labels.join(',')}}`),
    ...Object.keys(skill.histograms ?? {}).map((name) => `histogram ${name}{}`),
  ]);
  expect(listed.toSorted()).toEqual([...ours, ...theirs].sort());
});
