// `npm run soak [-- --kills 1000 --seed 7 --webhooks 1000 --commands 500 --log FILE]`: prints its seed, to replay the run.
import { parseArgs } from 'node:util';
import { runSoak } from './soak.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    webhooks: { type: 'string', default: '1000' },
    commands: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    log: { type: 'string' },
  },
});
const seed = Number(values.seed);
console.log(
  `soak with seed ${seed}: npm run soak -- --seed ${seed} --kills ${values.kills} --webhooks ${values.webhooks} --commands ${values.commands}`,
);
const result = await runSoak({
  seed,
  kills: Number(values.kills),
  webhooks: Number(values.webhooks),
  commands: Number(values.commands),
  ...(values.log !== undefined && { logFile: values.log }),
  say: (line) => console.log(line),
});
for (const kind of ['lost', 'doubled', 'wrong'] as const)
  for (const line of result[kind].slice(0, 30)) console.log(`${kind}: ${line}`);
console.log(
  `steps at which it died: ${[...result.steps].map(([crashPoint, count]) => `${crashPoint} ${count}`).join(', ')}`,
);
const { each, tally, counts } = result;
const abilities = [
  `${each} presses (${tally.presses} deliveries, ${counts.answered} answered, ${counts.givenUp} answers abandoned)`,
  `${each} tasks (${counts.cancelled} cancelled, ${counts.unknown} unknown, ${counts.files} files)`,
  `${each} API commands (${tally.calls} requests)`,
].join(', ');
console.log(
  `${result.kills} kills, ${result.freezes} freezes, ${result.webhooks} webhooks (${result.repeats} repeats, ${result.together} events handled together), ${result.commands} commands, ${result.taps} taps, ${abilities} in ${result.seconds} s: ${result.lost.length} lost, ${result.doubled.length} doubled, ${result.wrong.length} wrong`,
);
const failed = result.lost.length + result.doubled.length + result.wrong.length > 0;
console.log(failed ? '0 passed, 1 failed' : '1 passed, 0 failed');
process.exit(failed ? 1 : 0);
