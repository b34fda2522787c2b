import { examineDatabase } from './examine-database.ts';

/** The finding about the clock if the answer took `tookMs`, and the database, whose clock is `aheadMs` ahead, read it after `thereMs`. */
async function clockFinding({ tookMs, thereMs, aheadMs }: { tookMs: number; thereMs: number; aheadMs: number }) {
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

test('a clock is reported when it is wrong, and not because an answer was slow', async () => {
  expect(await clockFinding({ tookMs: 2, thereMs: 1, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockFinding({ tookMs: 2, thereMs: 1, aheadMs: 2500 })).toMatchObject({ ok: false });
  expect(await clockFinding({ tookMs: 5000, thereMs: 4999, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockFinding({ tookMs: 5000, thereMs: 1, aheadMs: 0 })).toMatchObject({ ok: true });
  expect(await clockFinding({ tookMs: 5000, thereMs: 4999, aheadMs: 2500 })).toMatchObject({ ok: false });
});
