import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { unpackTool } from '../../scripts/chart/helm.ts';

export const CHART = resolve(import.meta.dirname, '../../charts/watchbell');

const run = promisify(execFile);

// oxlint-disable-next-line typescript/no-explicit-any -- objects of every kind, as deep as a test looks; types.test.ts checks them
type Anything = any;

/** A rendered object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: Anything };
  readonly [key: string]: Anything;
}

export interface Rendered {
  readonly objects: readonly Manifest[];
  /** The only object of the kind (and name). */
  one(kind: string, name?: string): Manifest;
  all(kind: string): Manifest[];
}

/** The examples in ci/, by name. */
export async function examples(): Promise<string[]> {
  return (await readdir(join(CHART, 'ci'))).filter((name) => name.endsWith('-values.yaml'));
}

interface RenderOptions {
  readonly example?: string;
  readonly helm?: string;
  readonly release?: string;
  readonly more?: readonly string[];
}

/** Output of helm for a release (default `bell`) in the namespace `monitoring`; rejects with its error message. */
async function runHelm(command: 'template' | 'install', values: object, options: RenderOptions): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-chart-'));
  const file = join(directory, 'values.yaml');
  await writeFile(file, stringify(values, { version: '1.1' }));
  try {
    const helm = options.helm ?? (await unpackTool('helm/helm'));
    const example = options.example === undefined ? [] : ['-f', join(CHART, 'ci', options.example)];
    const { release = 'bell', more = [] } = options;
    const args = [command, release, CHART, '--namespace', 'monitoring', ...example, '-f', file, ...more];
    const { stdout } = await run(helm, args, { maxBuffer: 16 * 1024 ** 2 }).catch((error: { stderr?: string }) => {
      throw new Error(error.stderr ?? String(error));
    });
    return stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The notes that helm prints after an install. */
export async function notes(values: object, options: RenderOptions = {}): Promise<string> {
  const printed = await runHelm('install', values, {
    ...options,
    more: ['--dry-run=client', ...(options.more ?? [])],
  });
  return printed.slice(printed.indexOf('\nNOTES:\n'));
}

/** The objects of a release. */
export async function render(values: object, options: RenderOptions = {}): Promise<Rendered> {
  const stdout = await runHelm('template', values, options);
  const objects = parseAllDocuments(stdout)
    .map((document) => {
      // For example a duplicate key: helm uses the last one, and an API server in strict mode rejects it.
      for (const error of document.errors) throw error;
      return document.toJS() as Manifest | null;
    })
    .filter((object) => object !== null);
  const all = (kind: string): Manifest[] => objects.filter((object) => object.kind === kind);
  return {
    objects,
    all,
    one(kind, name) {
      const found = all(kind).filter((object) => name === undefined || object.metadata.name === name);
      if (found.length !== 1 || !found[0]) throw new Error(`${found.length} objects are a ${kind} ${name ?? ''}`);
      return found[0];
    },
  };
}

/** Values with a database, which every release needs. */
export const DATABASE = { postgres: { existingSecret: { name: 'bell-postgres' } } };
