import { examineDatabase } from './examine-database.ts';

/** What is said of the clock when the answer comes after so long, and was made `thereMs` after it was asked for by a clock so far ahead. */
async function clockOf({ tookMs, thereMs, aheadMs }: { tookMs: number; thereMs: number; aheadMs: number }) {
  const real = Date.now;
  let nowMs = 1_000_000;
  Date.now = () => nowMs;
  try {
    const findings = await examineDatabase({
      query: async (text: string) => {
        if (!text.includes('clock_timestamp')) return [];
        const now = new Date(nowMs + thereMs + aheadMs);
        nowMs += tookMs;
        return [{ now, version: '18', synchronous_commit: 'on', fsync: 'on' }];
      },
    } as never);
    return findings.find(({ what }) => what === 'clock');
  } finally {
    Date.now = real;
  }
}

test('a clock is called wrong when it is, and not because an answer was slow', async () => {
  expect(await clockOf({ tookMs: 2, thereMs: 1, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockOf({ tookMs: 2, thereMs: 1, aheadMs: 2500 })).toMatchObject({ ok: false });
  expect(await clockOf({ tookMs: 5000, thereMs: 4999, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockOf({ tookMs: 5000, thereMs: 1, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockOf({ tookMs: 5000, thereMs: 4999, aheadMs: 2500 })).toMatchObject({ ok: false });
});
