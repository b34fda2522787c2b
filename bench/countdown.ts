import type { Bench, Row } from './harness/bench.ts';
import { Helper } from './harness/child.ts';
import type { Counted, CountdownOrder, CountdownSetting } from './harness/countdown-process.ts';
import { percentile, short } from './harness/numbers.ts';

const VARIANTS = [
  { name: 'starts spread over 1 s', spreadMs: 1000, targetMs: 20 },
  { name: 'all due at one instant', spreadMs: 0, targetMs: 100 },
];
/** Allowed difference of the medians; sleeping a second after each number would drift 8,200 ms a minute. */
const DRIFT_MS = 20;

/** Many counts at once, one number a second each: how late each number is handed to the connector, compared with bare timers. */
export const countdown: Bench = async (stage) => {
  const [rooms, length] = stage.quick ? [50, 3] : [1000, 60];
  // Only its Postgres is used: the platform is in the counting process, so that the hand-over itself is measured.
  const postgres = (await stage.world('countdown')).databaseUrl;
  const bot = await helper({ postgres, rooms });
  const bare = await helper({ postgres: undefined, rooms });
  try {
    if (!stage.quick) await bot.order<Counted>({ length: 2, spreadMs: 1000 } satisfies CountdownOrder); // warm
    const rows: Row[] = [];
    const notes: string[] = [];
    for (const { name, spreadMs, targetMs } of VARIANTS.slice(0, stage.quick ? 1 : 2)) {
      const order = { length, spreadMs } satisfies CountdownOrder;
      const ours = await bot.order<Counted>(order);
      const peer = await bare.order<Counted>(order);
      const [late, bareLate] = [ours.lateBySecond.flat(), peer.lateBySecond.flat()];
      const [p99, bareP99] = [percentile(late, 0.99), percentile(bareLate, 0.99)];
      const drift = driftMs(ours);
      const title = `countdown: ${short(rooms)} counts for ${length} s, ${name}`;
      rows.push({
        benchmark: `${title}: p99 from due to hand-over`,
        ours: `${short(p99)} ms`,
        peer: `${short(bareP99)} ms, bare timers`,
        ratio: short(p99 / Math.max(bareP99, 0.01)),
        target: `≤ ${targetMs} ms, none missing or doubled`,
        met: p99 <= targetMs && ours.missing === 0 && ours.doubled === 0,
      });
      if (!stage.quick)
        rows.push({
          benchmark: `${title}: drift, first 10 s to last`,
          ours: `${short(drift)} ms`,
          peer: `${short(driftMs(peer))} ms, bare timers`,
          ratio: '',
          target: `0 (≤ ${DRIFT_MS} ms)`,
          met: Math.abs(drift) <= DRIFT_MS,
        });
      notes.push(
        `countdown, ${name}: p50 ${short(percentile(late, 0.5))} ms, most ${short(Math.max(...late))} ms; of ${short(rooms * length)} numbers ${ours.missing} missing, ${ours.doubled} doubled. CPU ${short((ours.processorSeconds / length) * 100)} % of a core and ${short(ours.residentMb)} MB, without Postgres; bare timers ${short((peer.processorSeconds / length) * 100)} % and ${short(peer.residentMb)} MB.`,
      );
    }
    return { rows, notes };
  } finally {
    await bot.stop();
    await bare.stop();
  }
};

async function helper(setting: CountdownSetting): Promise<Helper> {
  const started = new Helper('./countdown-process.ts', setting);
  await started.said();
  return started;
}

/** How much later the median number of the last 10 s is than that of the first 10 s. */
function driftMs({ lateBySecond }: Counted): number {
  return percentile(lateBySecond.slice(-10).flat(), 0.5) - percentile(lateBySecond.slice(0, 10).flat(), 0.5);
}
