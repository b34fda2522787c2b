import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { faults } from './schemas.ts';

const ROOT = resolve(import.meta.dirname, '../..');

interface JobOptions {
  requires?: string[];
  type?: string;
  filters?: { tags?: { only?: string } };
}
type Job = string | Record<string, JobOptions>;
interface Pipeline {
  jobs: Record<string, { executor: string; steps: (string | object)[] }>;
  commands: Record<string, unknown>;
  executors: Record<string, unknown>;
  workflows: Record<string, { jobs: Job[] }>;
}

const text = await readFile(resolve(ROOT, '.circleci/config.yml'), 'utf8');
const pipeline = parse(text, { merge: true }) as Pipeline;

function entry(job: Job): [string, JobOptions] {
  return typeof job === 'string' ? [job, {}] : (Object.entries(job)[0] ?? ['', {}]);
}
const entries = (pipeline.workflows['release']?.jobs ?? []).map(entry);

test("the pipeline is valid by CircleCI's published schema, which rejects a wrong one", async () => {
  expect(await faults('circleciconfig.json', pipeline)).toEqual([]);
  expect(await faults('circleciconfig.json', { ...pipeline, version: 7 })).not.toEqual([]);
  expect(await faults('circleciconfig.json', { ...pipeline, jobs: { lint: { steps: 'none' } } })).not.toEqual([]);
});

test('every job, executor and command that is referenced exists', () => {
  for (const { executor } of Object.values(pipeline.jobs)) expect(pipeline.executors).toHaveProperty(executor);
  const own = ['checkout', ...Object.keys(pipeline.commands)];
  for (const { steps } of Object.values(pipeline.jobs))
    for (const step of steps)
      expect([...own, 'run', 'store_artifacts']).toContain(typeof step === 'string' ? step : Object.keys(step)[0]);
  for (const { jobs } of Object.values(pipeline.workflows))
    for (const [name, options] of jobs.map(entry)) {
      if (!('type' in options)) expect(pipeline.jobs).toHaveProperty(name);
    }
});

test("a release only runs on tags vX.Y.Z, rejects a tag other than the chart's version, and deploys after approval", () => {
  for (const [, options] of entries) expect(options.filters?.tags?.only).toBe('/^v\\d+\\.\\d+\\.\\d+$/');
  const steps = JSON.stringify(pipeline.jobs['publish']?.steps);
  const pushed = steps.indexOf('docker buildx build');
  for (const before of ['scripts/release.sh', 'oidc get --claims'])
    expect({ before, isBefore: steps.includes(before) && steps.indexOf(before) < pushed }).toMatchObject({
      isBefore: true,
    });
  expect(pipeline.jobs['deploy']?.steps).toContain('login');
  const requires = Object.fromEntries(entries.map(([name, { requires: needed = [] }]) => [name, needed]));
  expect(requires['publish']).toEqual(
    expect.arrayContaining(['lint', 'test', 'real', 'soak', 'chart', 'image', 'integration']),
  );
  expect(requires['approve']).toEqual(['publish']);
  expect(requires['deploy']).toEqual(['approve']);
});

test('every script that a job runs exists', async () => {
  const scripts = new Set([...text.matchAll(/scripts\/[a-z-]+\.sh/g)].map(([script]) => script));
  expect(scripts.size).toBeGreaterThanOrEqual(5);
  for (const script of scripts) expect(await readFile(resolve(ROOT, script), 'utf8')).toMatch(/^#!/);
});
