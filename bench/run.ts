// `npm run bench [-- NAME...] [--quick] [--keep] [--profile]`: our numbers and those of a peer or limit, from one run, as a table.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { Bench, Row } from './harness/bench.ts';
import { describeMachine, loadAverage } from './harness/machine.ts';
import { short } from './harness/numbers.ts';
import { describeRun, keepRun } from './harness/results.ts';
import { withStages } from './harness/stage.ts';
import { accept } from './accept.ts';
import { backlog } from './backlog.ts';
import { countdown } from './countdown.ts';
import { history } from './history.ts';
import { latency } from './latency.ts';
import { matching } from './matching.ts';
import { pairing } from './pairing.ts';
import { rest } from './rest.ts';
import { start } from './start.ts';
import { storm } from './storm.ts';
import { timers } from './timers.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  latency,
  accept,
  backlog,
  storm,
  matching,
  timers,
  countdown,
  pairing,
  rest,
  start,
  history,
};
const RESULTS = join(import.meta.dirname, 'RESULTS.md');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.log(`unknown benchmark: ${unknown.join(', ')}`);
  console.log(`npm run bench [-- NAME...] [--quick] [--keep] [--profile]

NAME       ${Object.keys(BENCHES).join(', ')}; default: all
--quick    each in less than 15 s: shows that they work; numbers are not meaningful
--keep     also writes RESULTS.md after a quick run, or a run of only some benchmarks
--profile  prints where the program's time went`);
  process.exit(values.help ? 0 : 2);
}

const rows: Row[] = [];
const notes: string[] = [];
const broken: string[] = [];
const say = (line: string): void => console.log(line);

const machine = await withStages({ quick: values.quick, profile: values.profile, say }, async (next, postgresUrl) => {
  for (const name of names) {
    const bench = BENCHES[name];
    if (!bench) continue;
    const load = loadAverage();
    const begun = performance.now();
    const stage = await next();
    try {
      const measured = await bench(stage);
      rows.push(...measured.rows);
      notes.push(...(measured.notes ?? []));
    } catch (error) {
      broken.push(name);
      console.error(`${name}:`, error, stage.said);
    } finally {
      await stage.close();
    }
    const seconds = short((performance.now() - begun) / 1000);
    say(`${name}: ${broken.includes(name) ? 'failed' : 'done'} in ${seconds} s, load average before it ${short(load)}`);
    notes.push(`${name}: took ${seconds} s; load average before it ${short(load)}.`);
  }
  return describeMachine(await postgresVersion(postgresUrl));
});

const run = { date: new Date(), machine, quick: values.quick, rows, notes };
say(`\n${describeRun(run)}\n`);
const whole = positionals.length === 0 && !values.quick && !values.profile && broken.length === 0;
if (whole || values.keep) await keepRun(RESULTS, run);
const missed = rows.filter((row) => row.met === false);
for (const row of missed) say(`missed: ${row.benchmark}: ${row.ours}, target ${row.target}`);
say(`${names.length - broken.length} passed, ${broken.length} failed`);
// A quick run on a busy machine shows that the benchmarks work, not how fast the program is.
process.exit(broken.length > 0 || (!values.quick && missed.length > 0) ? 1 : 0);

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: found } = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  return found[0]?.server_version ?? '?';
}
