// `npm run fuzz -- [--runs 100000] [--seed N]`: all entry points for external text, with generated inputs. Prints what threw,
// took over 50 ms, or made the program's memory grow by more than 20 MB; the last line is `N passed, N failed`.
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { createTargets } from './targets.ts';

const MOST_MS = 50;
const MOST_GROWTH_MB = 20;

const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' } } });
const runs = Number(values.runs ?? 100_000);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const { gc } = globalThis;
if (!gc) throw new Error('run it with node --expose-gc, as `npm run fuzz` does');
console.log(`seed ${seed}, ${runs} inputs per target`);
let passed = 0;
let failed = 0;
for (const target of await createTargets()) {
  // Memory for code compiled and cached once does not count as growth.
  await fuzz(target, { runs: Math.min(runs, 2000), seed: seed + 1_000_000_000, mostMs: Infinity });
  await gc({ execution: 'async', type: 'major' });
  const before = process.memoryUsage().heapUsed;
  const begun = performance.now();
  const { findings, ran } = await fuzz(target, { runs, seed, mostMs: MOST_MS });
  await gc({ execution: 'async', type: 'major' });
  const growthMb = (process.memoryUsage().heapUsed - before) / 1e6;
  for (const { what, input } of findings) console.log(`FAIL  ${target.name}: ${what}: ${input}`);
  if (growthMb > MOST_GROWTH_MB) console.log(`FAIL  ${target.name}: the heap grew by ${growthMb.toFixed(1)} MB`);
  const isWell = findings.length === 0 && growthMb <= MOST_GROWTH_MB;
  if (isWell) passed++;
  else failed++;
  console.log(
    `${isWell ? 'ok  ' : 'FAIL'}  ${target.name}: ${ran} inputs in ${((performance.now() - begun) / 1000).toFixed(1)} s, heap ${growthMb >= 0 ? '+' : ''}${growthMb.toFixed(1)} MB`,
  );
  await target.close?.();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
