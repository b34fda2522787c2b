/** Every object of every example, as a typed literal: tsc rejects unknown fields, wrong types and missing fields. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { examples, render, type Manifest } from './render.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const OTHER: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
};
/** There are no published types for these. */
const UNTYPED = ['postgresql.cnpg.io/v1 Cluster'];

async function check(objects: readonly Manifest[]): Promise<string> {
  const directory = await mkdtemp(join(ROOT, 'node_modules/.chart-types-'));
  const lines = objects
    .filter(({ apiVersion, kind }) => !UNTYPED.includes(`${apiVersion} ${kind}`))
    .map((object, index) => {
      const [group = '', version] = object.apiVersion.split('/');
      const module = `${OTHER[group] ?? 'kubernetes-models'}/${version === undefined ? group : `${group}/${version}`}`;
      return `import type { I${object.kind} as T${index} } from '${module}';\nconst o${index}: T${index} = ${JSON.stringify(object)};`;
    });
  try {
    await writeFile(join(directory, 'objects.ts'), `${lines.join('\n')}\n`);
    const options = { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', target: 'es2024', types: [] };
    await writeFile(
      join(directory, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['objects.ts'] }),
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', directory]).catch(
      (error: { stdout?: string }) => ({ stdout: error.stdout ?? String(error) }),
    );
    return stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('every object of every example has the fields of its kind, and no others', async () => {
  const objects = (await Promise.all((await examples()).map((example) => render({}, { example })))).flatMap(
    (rendered) => rendered.objects,
  );
  const kinds = new Set(objects.map(({ kind }) => kind));
  for (const kind of [
    'Deployment',
    'ServiceMonitor',
    'PodMonitor',
    'PrometheusRule',
    'AlertmanagerConfig',
    'Certificate',
    'HTTPRoute',
    'Ingress',
    'NetworkPolicy',
    'CronJob',
  ])
    expect(kinds).toContain(kind);
  expect(await check(objects)).toBe('');
}, 60_000);

test('the check sees an unknown field and a wrong type', async () => {
  const rendered = await render({}, { example: 'minimal-values.yaml' });
  const deployment = structuredClone(rendered.one('Deployment'));
  const spec = deployment['spec'] as Record<string, unknown>;
  spec['replica'] = 2;
  expect(await check([deployment])).toContain('replica');
  const service = structuredClone(rendered.one('Service', 'bell-watchbell'));
  (service['spec'] as Record<string, unknown>)['type'] = 3;
  expect(await check([service])).toContain('type');
}, 60_000);
