import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
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

test('docker-compose.yaml is valid by the published schema, which rejects a wrong one', async () => {
  expect(await faults(COMPOSE, compose)).toEqual([]);
  expect(await faults(COMPOSE, { ...compose, services: { a: { prots: [] } } })).not.toEqual([]);
});

test('the trial has all services, and every file and volume it mounts exists', async () => {
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

test('both ends of the webhook use the same token', () => {
  expect(compose.services['watchbell']).toMatchObject({ secrets: ['alerts-token'] });
  expect(compose.services['alertmanager']).toMatchObject({ secrets: ['alerts-token'] });
  expect(compose.secrets['alerts-token']?.file).toContain('./compose/secrets/alerts-token');
});

test('all ports of the trial listen on this machine only', () => {
  for (const { ports = [] } of Object.values(compose.services))
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('.env.example lists every variable with its default', async () => {
  const example = Object.fromEntries(
    [...(await readFile(resolve(ROOT, '.env.example'), 'utf8')).matchAll(/^([A-Z_]+)=(.*)$/gm)].map(
      ([, name, value]) => [name, value],
    ),
  );
  const used = Object.fromEntries(
    [...text.matchAll(/\$\{([A-Z_]+):(?:-([^}]*)|\?[^}]*)\}/g)].map(([, name, value = '']) => [name, value]),
  );
  expect(example).toEqual(used);
});

test('the configuration of the trial has no problems', async () => {
  const { result } = await readConfiguration(resolve(ROOT, 'compose/watchbell'), readEnvironment({}));
  expect(result.ok ? result.warnings : result.problems).toEqual([]);
});

test('every secret is generated once, on the machine, for its owner only; without it nothing starts', async () => {
  expect(text).not.toMatch(/(?:PASSWORD|TOKEN)\w*:-(?!\.\/)/);
  const copy = await mkdtemp(join(tmpdir(), 'watchbell-compose-'));
  try {
    await mkdir(join(copy, 'scripts'));
    await copyFile(join(ROOT, 'scripts/compose-secrets.sh'), join(copy, 'scripts/compose-secrets.sh'));
    await copyFile(join(ROOT, '.env.example'), join(copy, '.env'));
    const made = async (): Promise<string[]> => {
      await promisify(execFile)('bash', ['scripts/compose-secrets.sh'], { cwd: copy });
      return Promise.all(['.env', 'compose/secrets/alerts-token'].map((file) => readFile(join(copy, file), 'utf8')));
    };
    const [env = '', token] = await made();
    expect(await made()).toEqual([env, token]);
    const secrets = [...env.matchAll(/^[A-Z]+_PASSWORD=(.*)$/gm)].map(([, secret]) => secret);
    expect(secrets).toHaveLength(3);
    for (const secret of [...secrets, token]) expect(secret).toMatch(/^[0-9a-f]{48}$/);
    expect(new Set([...secrets, token]).size).toBe(4);
    expect((await stat(join(copy, '.env'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(copy, 'compose/secrets'))).mode & 0o777).toBe(0o700);
  } finally {
    await rm(copy, { recursive: true });
  }
});
