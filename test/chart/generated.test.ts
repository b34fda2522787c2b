import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { generate } from '../../scripts/chart/generate.ts';
import { valuesSchema } from '../../scripts/chart/values.ts';
import { CHART, examples, render, DATABASE } from './render.ts';

test('values.schema.json and the table of values are up to date: run `npm run chart`', async () => {
  for (const [file, content] of await generate()) expect(await readFile(file, 'utf8')).toBe(content);
});

test('values.yaml matches its schema and contains no undocumented values', async () => {
  expect(valuesSchema.safeParse({}).success).toBe(false);
  expect(valuesSchema.safeParse(parse(await readFile(join(CHART, 'values.yaml'), 'utf8'))).error).toBeUndefined();
});

test('the chart, the program and package.json have one version', async () => {
  const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string };
  const { version } = JSON.parse(await readFile(join(CHART, '../../package.json'), 'utf8')) as { version: string };
  expect(chart).toMatchObject({ version, appVersion: version });
});

test('there are at least four examples', async () => {
  expect((await examples()).length).toBeGreaterThanOrEqual(4);
});

test.each([
  ['a switch without effect', { enabled: false }, 'enabled'],
  ['a misspelt value', { replicsa: 2 }, 'replicsa'],
  ['a room that is not a map', { config: { rooms: { ops: 3 } } }, 'rooms'],
  [
    'a bare number for an id, which Helm would have rounded',
    { config: { rooms: { pay: { in: { discord: 1045678901234567 } } } } },
    'pay',
  ],
  ['a wrong option of a skill', { config: { skills: { alerts: { rout: {} } } } }, 'rout'],
  [
    'a secret in plain',
    { config: { connectors: { matrix: { homeserver: 'https://m.example.org', token: 'syt_x' } } } },
    'token',
  ],
  ['a label that the chart sets itself', { podLabels: { 'app.kubernetes.io/name': 'x' } }, 'app.kubernetes.io/name'],
  ['an unknown alert', { prometheusRule: { disabled: { WatchbelLate: true } } }, 'WatchbelLate'],
  ['an invalid schedule', { countdownRecovery: { enabled: true, schedule: 'daily' } }, 'schedule'],
  ['a bucket of another provider', { backup: { enabled: true, to: 'gs://bells/prod' } }, 'to'],
  ['a directory for backups', { backup: { enabled: true, to: '/mnt/backups' } }, 'to'],
  ['a bucket with a key before it', { backup: { enabled: true, to: 's3://key:secret@bells/prod' } }, 'to'],
])('helm rejects %s', async (_, values, named) => {
  await expect(render({ ...DATABASE, ...values })).rejects.toThrow(named);
});

test('helm accepts unknown skills, and the global values and condition of a parent chart', async () => {
  const { objects } = await render({
    ...DATABASE,
    enabled: true,
    global: { storageClass: 'x' },
    config: { skills: { ours: { a: 1 } } },
  });
  expect(objects.length).toBeGreaterThan(0);
});
