// The real program as a process under test: `run`, with the additional platform `lines`, a hook that kills it at a crash point
// and a clock that can be moved.
// Controlled over IPC by test/harness/process.ts. The program itself has no such back doors.
import { ClockShift } from '../../src/clock.ts';
import { run } from '../../src/cli/run.ts';
import { PLATFORMS } from '../../src/connectors/platforms.ts';
import type { CrashPoint } from '../../src/crash-points.ts';
import { lines } from '../line-protocol/platform.ts';

export interface ProgramOrder {
  /** Killed by SIGKILL when it passes this point for the nth time from now on. */
  readonly crashAt?: { readonly crashPoint: CrashPoint; readonly nth: number };
  readonly shiftMs?: number;
}

let crash: { crashPoint: CrashPoint; left: number } | undefined;
const shift = new ClockShift();

process.on('message', (order: ProgramOrder) => {
  if (order.crashAt) crash = { crashPoint: order.crashAt.crashPoint, left: order.crashAt.nth };
  if (order.shiftMs !== undefined) shift.set(order.shiftMs);
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

await run(
  { config: process.argv[2] ?? '', platforms: [...PLATFORMS, lines] },
  {
    acceptForMs: 200,
    shift,
    crashPoint: (crashPoint) => {
      if (crash?.crashPoint === crashPoint && --crash.left <= 0) process.kill(process.pid, 'SIGKILL');
    },
  },
);
process.send?.({ ready: true });
