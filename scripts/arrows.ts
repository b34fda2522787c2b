/**
 * Shows which folder of src/ imports which, and fails on an import that points up, or from one platform's folder into another's:
 * `npm run arrows`. A file directly in src/ that is not in a layer of its own belongs to `ground`, which everything can import.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** From the top down. A folder may only import from lines below its own. */
const LAYERS: readonly (readonly string[])[] = [
  ['main.ts'],
  ['cli', 'testing'],
  ['app.ts'],
  ['app-pages.ts', 'follow-up.ts'],
  ['api'],
  ['web', 'services', 'skills'],
  ['connections', 'dispatch', 'http'],
  ['handlers', 'skill.ts'],
  ['messages', 'timers', 'tasks'],
  ['events', 'registry'],
  ['commands', 'connectors', 'people', 'replicas'],
  ['backup', 'config'],
  ['contract', 'db'],
  ['chat'],
  ['ground'],
];

const root = join(import.meta.dirname, '../src');
const IMPORT = /(?:from|import)\s*\(?\s*'(\.[^']+|#skill)'/g;

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
);
const layerOf = (room: string): number => LAYERS.findIndex((layer) => layer.includes(room));
const roomOf = (file: string): string => {
  const first = file.split('/')[0] ?? file;
  return layerOf(first) >= 0 || file.includes('/') ? first : 'ground';
};
/** `connectors/matrix`; undefined outside the platforms' folders. */
const platformOf = (file: string): string | undefined => /^connectors\/[^/]+(?=\/)/.exec(file)?.[0];

const arrows = new Map<string, Set<string>>();
const wrong: string[] = [];
/** What a file imports as it is loaded, and the types it uses. */
const imports = new Map<string, Set<string>>();
for (const file of files) {
  const from = roomOf(file);
  if (layerOf(from) < 0) wrong.push(`src/${from}/ is in no layer: add it to LAYERS in scripts/arrows.ts`);
  for (const [match, target = ''] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
    const imported = target === '#skill' ? 'skill.ts' : normalize(join(dirname(file), target));
    if (imported.startsWith('..')) continue;
    if (!match.startsWith('import(')) imports.set(file, (imports.get(file) ?? new Set()).add(imported));
    const to = roomOf(imported);
    const [platform, other] = [platformOf(file), platformOf(imported)];
    if (platform && platform !== 'connectors/conformance' && other && other !== platform)
      wrong.push(
        `src/${file} imports src/${imported}: a connector imports the contract and its SDK, never another connector`,
      );
    if (to === from) continue;
    arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
    if (layerOf(to) <= layerOf(from))
      wrong.push(`src/${file} imports src/${imported}: ${from} is below ${to}, or in the same layer`);
  }
}

wrong.push(...circles());

if (!process.argv.includes('--quiet'))
  for (const layer of LAYERS)
    for (const room of layer)
      console.log(`${room.padEnd(12)} → ${[...(arrows.get(room) ?? [])].sort().join(', ') || 'nothing in src/'}`);
for (const line of new Set(wrong)) console.error(line);
if (wrong.length > 0) {
  console.error(
    `Imports point one way: see "Where things live" in ${relative(process.cwd(), join(import.meta.dirname, '../docs/architecture.md'))}.`,
  );
  process.exitCode = 1;
}

/** Each file that can reach itself, with the way it does, once for a circle. */
function circles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const again = path.indexOf(file);
    if (again >= 0) return void found.push(`a circle of files: ${[...path.slice(again), file].join(' → ')}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}
