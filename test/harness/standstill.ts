import pg from 'pg';

export interface StandstillWatch {
  /** The longest time in ms that neither this process nor its database came to anything. */
  stop(): Promise<number>;
}

/** Watches how well the machine keeps time from now on, with a statement each few ms. */
export async function watchStandstill(databaseUrl = process.env['WATCHBELL_TEST_POSTGRES']): Promise<StandstillWatch> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  let longestMs = 0;
  let stopped = false;
  const watching = (async () => {
    for (let lastMs = performance.now(); !stopped;) {
      await client.query('select 1');
      await new Promise((resolve) => setTimeout(resolve, 20));
      const nowMs = performance.now();
      longestMs = Math.max(longestMs, nowMs - lastMs - 20);
      lastMs = nowMs;
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      await client.end();
      return longestMs;
    },
  };
}

/** A standstill from which on a test about single seconds says nothing of the bot. */
const TOO_LONG_MS = 300;
const ROUNDS = 4;

/**
 * Runs a test about real seconds. Where the machine stood still meanwhile it is run once more, however it went: the last
 * round counts in any case. `between` clears away what a round has left.
 */
export async function inRealTime(body: () => Promise<void>, between: () => Promise<void>): Promise<void> {
  for (let round = 1; ; round++) {
    const watch = await watchStandstill();
    const [outcome] = await Promise.allSettled([body()]);
    const stoodMs = await watch.stop();
    if (stoodMs < TOO_LONG_MS || round === ROUNDS) {
      if (outcome.status === 'rejected') throw outcome.reason;
      return;
    }
    await between();
  }
}
