/** Reads objects from standard input and prints those whose resource the cluster knows: node known-kinds.ts "RESOURCE.GROUP …" */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

const known = new Set((process.argv[2] ?? '').split(' '));
for (const document of parseAllDocuments(readFileSync(0, 'utf8'))) {
  const object = document.toJS() as { apiVersion?: string; kind?: string } | null;
  if (!object?.kind || !object.apiVersion) continue;
  const group = object.apiVersion.includes('/') ? `.${object.apiVersion.split('/')[0] ?? ''}` : '';
  const plural = object.kind.toLowerCase().replace(/y$/, 'ie').replace(/ss$/, 'sse');
  if (known.has(`${plural}s${group}`)) console.log(`---\n${document.toString()}`);
  else console.error(`${object.kind} is not known to this cluster`);
}
