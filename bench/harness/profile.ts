import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from './program.ts';
import { short } from './numbers.ts';

export interface Statement {
  readonly text: string;
  /** By the program's `performance.now()`. */
  readonly atMs: number;
  /** Response time. */
  readonly ms: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const PLACES = 15;
const FUNCTIONS = 25;
const SHAPES = 15;
const TRAIL = 40;

/** Where the time went: packages and functions by self time, statements by response time, and the last few in order. */
export async function describeProfile(directory: string): Promise<string[]> {
  const profile = JSON.parse(await readFile(join(directory, 'processor.json'), 'utf8')) as CpuProfile;
  const statements = JSON.parse(await readFile(join(directory, 'statements.json'), 'utf8')) as Statement[];
  return [...describeProcessor(profile), '', ...describeStatements(statements)];
}

function describeStatements(statements: readonly Statement[]): string[] {
  // Literals differ between events.
  const shapes = Map.groupBy(statements, ({ text }) =>
    text
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/'[^']*'/g, "'…'")
      .replaceAll(/\b\d+\b/g, 'n'),
  );
  const sums = [...shapes].map(([shape, all]) => ({
    shape,
    count: all.length,
    ms: all.reduce((sum, one) => sum + one.ms, 0),
  }));
  const last = statements.slice(-TRAIL);
  const begunMs = last[0]?.atMs ?? 0;
  const line = (numbers: readonly number[], text: string): string =>
    `${numbers.map((number) => short(number).padStart(9)).join(' ')}  ${text.replaceAll(/\s+/g, ' ').trim().slice(0, 150)}`;
  return [
    'statements: total ms, count, ms each',
    ...sums
      .sort((a, b) => b.ms - a.ms)
      .slice(0, SHAPES)
      .map(({ shape, count, ms }) => line([ms, count, ms / count], shape)),
    '',
    'the last statements: at ms, took ms',
    ...last.sort((a, b) => a.atMs - b.atMs).map(({ text, atMs, ms }) => line([atMs - begunMs, ms], text)),
  ];
}

function describeProcessor(profile: CpuProfile): string[] {
  const ownMs = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    ownMs.set(id, (ownMs.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000);
  });
  const functions = new Map<string, number>();
  const places = new Map<string, number>();
  let busyMs = 0;
  for (const { id, callFrame } of profile.nodes) {
    const ms = ownMs.get(id) ?? 0;
    if (callFrame.functionName === '(idle)' || callFrame.functionName === '(root)') continue;
    busyMs += ms;
    const file = callFrame.url.replace(`file://${REPOSITORY}/`, '').replace(`${REPOSITORY}/`, '');
    const name = `${callFrame.functionName || '(anonymous)'} ${file}:${callFrame.lineNumber + 1}`;
    functions.set(name, (functions.get(name) ?? 0) + ms);
    const place = placeOf(file, callFrame.functionName);
    places.set(place, (places.get(place) ?? 0) + ms);
  }
  const top = (from: ReadonlyMap<string, number>, limit: number): string[] =>
    [...from]
      .sort(([, a], [, b]) => b - a)
      .slice(0, limit)
      .map(([name, ms]) => `${short((ms * 100) / busyMs).padStart(6)} % ${short(ms).padStart(8)} ms  ${name}`);
  return [
    `busy ${short(busyMs)} ms`,
    '',
    'by place',
    ...top(places, PLACES),
    '',
    'by function',
    ...top(functions, FUNCTIONS),
  ];
}

function placeOf(file: string, name: string): string {
  if (file === '') return name.startsWith('(') ? name : `native ${name}`;
  const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
  if (found?.[1]) return found[1];
  return file.startsWith('node:') ? file : file.split('/').slice(0, 2).join('/');
}
