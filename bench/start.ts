import { join } from 'node:path';
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/harness/postgres.ts';
import type { Bench } from './harness/bench.ts';
import { keepTrack } from './harness/child.ts';
import { monotonicMs } from './harness/clock.ts';
import { residentMb } from './harness/machine.ts';
import { percentile, short } from './harness/numbers.ts';
import { FLAGS, untilAnswers } from './harness/program.ts';

const READY_S = 1.5;
const RESIDENT_MB = 110;

/** Time from start to ready with a warm compile cache, Matrix and a running Postgres; and memory when idle. */
export const start: Bench = async (stage) => {
  const [rounds, idleMs] = stage.quick ? [2, 2000] : [7, 30_000];
  const world = await stage.world('bell');
  const compileCache = await stage.directory('peer-compile-cache');
  // Migrates the database and fills the compile caches, which the image does when it is built.
  const coldMs = await world.program.start();
  await world.listening();
  await stopInOrder(world.program.pid);
  await startBare(compileCache);
  const readyMs: number[] = [];
  const upMs: number[] = [];
  const bareMs: number[] = [];
  const bareMb: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await world.program.stop();
    const begunMs = monotonicMs();
    readyMs.push(await world.program.start());
    await world.listening();
    upMs.push(monotonicMs() - begunMs);
    const bare = await startBare(compileCache);
    bareMs.push(bare.ms);
    bareMb.push(bare.mb);
  }
  await sleep(idleMs);
  const idleMb = await residentMb(world.program.pid);
  const load = stage.load();
  const count = stage.quick ? 200 : 2000;
  await world.send(load, { bodies: { prefix: 'MemoryN', count, groups: 100 }, shape: { type: 'at once', atOnce: 8 } });
  await world.settled();
  await sleep(stage.quick ? 500 : 20_000);
  const usedMb = await residentMb(world.program.pid);
  const ready = percentile(readyMs, 0.5) / 1000;
  const bareReady = percentile(bareMs, 0.5) / 1000;
  return {
    rows: [
      {
        benchmark: 'start: to ready, warm compile cache, with Matrix',
        ours: `${short(ready)} s`,
        peer: `${short(bareReady)} s, bare express; opsdroid 0.8 s (measured earlier)`,
        ratio: short(ready / bareReady),
        target: `≤ ${READY_S} s`,
        met: ready <= READY_S,
      },
      {
        benchmark: `memory: resident after ${short(idleMs / 1000)} s idle, with Matrix`,
        ours: `${short(idleMb)} MB`,
        peer: `${short(percentile(bareMb, 0.5))} MB, bare express; opsdroid 82 MB (measured earlier)`,
        ratio: short(idleMb / percentile(bareMb, 0.5)),
        target: `≤ ${RESIDENT_MB} MB`,
        met: idleMb <= RESIDENT_MB,
      },
    ],
    notes: [
      `start: ${short(coldMs / 1000)} s with an empty database and a cold cache; ${short(percentile(upMs, 0.5) / 1000)} s until Matrix is connected; Node flags: ${FLAGS.join(' ')}.`,
      `memory: ${short(usedMb)} MB a while after ${count} alerts.`,
    ],
  };
};

/** The compile cache is written at exit. */
async function stopInOrder(pid: number): Promise<void> {
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) await sleep(20);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** From spawn to the first 200 of bare express, measured the same way as ours. */
async function startBare(compileCache: string): Promise<{ ms: number; mb: number }> {
  const port = await freePort();
  const begunMs = monotonicMs();
  const child = fork(join(import.meta.dirname, 'harness/peer-process.ts'), [JSON.stringify({ port })], {
    execArgv: [],
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = keepTrack(child);
  await untilAnswers(`http://127.0.0.1:${port}/readyz`, () => {});
  const ms = monotonicMs() - begunMs;
  const mb = await residentMb(child.pid ?? 0);
  child.disconnect();
  await exited;
  return { ms, mb };
}
