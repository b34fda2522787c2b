import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { readConfiguration } from '../../src/cli/read-configuration.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { faults } from './schemas.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const text = await readFile(resolve(ROOT, 'docker-compose.yaml'), 'utf8');
const compose = parse(text) as {
  services: Record<string, { volumes?: string[]; depends_on?: string[]; ports?: string[] }>;
  volumes: object;
  secrets: Record<string, { file: string }>;
};
const COMPOSE = 'raw.githubusercontent.com/compose-spec/compose-spec/master/schema/compose-spec.json';

test('docker-compose.yaml is valid by the published schema, which finds a wrong one', async () => {
  expect(await faults(COMPOSE, compose)).toEqual([]);
  expect(await faults(COMPOSE, { ...compose, services: { a: { prots: [] } } })).not.toEqual([]);
});

test('the trial has everything, and every file and volume it mounts is there', async () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    'alertmanager',
    'grafana',
    'pgadmin',
    'postgres',
    'prometheus',
    'watchbell',
  ]);
  for (const { volumes = [], depends_on: needed = [] } of Object.values(compose.services)) {
    for (const name of needed) expect(compose.services).toHaveProperty(name);
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) await stat(resolve(ROOT, source));
      else expect(compose.volumes).toHaveProperty(source);
    }
  }
});

test('both ends of the webhook read one token', async () => {
  expect(compose.services['watchbell']).toMatchObject({ secrets: ['alerts-token'] });
  expect(compose.services['alertmanager']).toMatchObject({ secrets: ['alerts-token'] });
  const token = /:-(.*)\}/.exec(compose.secrets['alerts-token']?.file ?? '')?.[1] ?? '';
  expect((await readFile(resolve(ROOT, token), 'utf8')).trim().length).toBeGreaterThanOrEqual(16);
});

test('nothing of the trial listens beyond this machine', () => {
  for (const { ports = [] } of Object.values(compose.services))
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('.env.example names every variable with the default it has', async () => {
  const example = Object.fromEntries(
    [...(await readFile(resolve(ROOT, '.env.example'), 'utf8')).matchAll(/^([A-Z_]+)=(.*)$/gm)].map(
      ([, name, value]) => [name, value],
    ),
  );
  const used = Object.fromEntries(
    [...text.matchAll(/\$\{([A-Z_]+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]),
  );
  expect(example).toEqual(used);
});

test('the configuration of the trial has no problem', async () => {
  const { result } = await readConfiguration(resolve(ROOT, 'compose/watchbell'), readEnvironment({}));
  expect(result.ok ? result.warnings : result.problems).toEqual([]);
});
