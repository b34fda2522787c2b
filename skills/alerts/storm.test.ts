import fc from 'fast-check';
import pg from 'pg';
import type { TestBot } from '../../src/testing/index.ts';
import { bodyOf, startAlertsBot, type OneAlert } from './test-bot.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

const send = (body: unknown): Promise<Response> =>
  fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager/prod`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
    body: JSON.stringify(body),
  });

async function untilHandled(): Promise<void> {
  while (
    (await bot.query(`select 1 from events where state = 'new' and kind in ('webhook', 'emit') limit 1`)).length > 0
  )
    await new Promise((resolve) => setTimeout(resolve, 10));
}

test.each([
  ['alert', undefined],
  ['group', 'grouppage'],
])(
  '2,000 alerts in one body, shown by %s, are handled at once, and so are their ends',
  async (_, team) => {
    for (const status of ['firing', 'resolved'] as const) {
      const list = Array.from({ length: 2000 }, (__, index): OneAlert => ({
        pod: `pod-${index}`,
        status,
        ...(team !== undefined && { team }),
      }));
      expect((await send(bodyOf(list))).status).toBe(200);
      await untilHandled();
      expect(await bot.query('select message from errors')).toEqual([]);
      const [row] = await bot.query<{ count: number }>('select count(*) from alerts where phase = $1', [status]);
      expect(row?.count).toBe(2000);
    }
  },
  120_000,
);

/** From four groups, since notifications of one group are handled one after another. */
const atOnce = (body: Record<string, unknown>): Promise<Response>[] =>
  [1, 2, 3, 4].map((peer) => send({ ...body, groupKey: `peer ${peer}` }));

test('the same new alerts from several peers at once have one row, one message and one episode each', async () => {
  for (let round = 0; round < 5; round++) {
    const body = bodyOf(Array.from({ length: 50 }, (_, index) => ({ pod: `pod-${round}-${index}` })));
    await Promise.all(atOnce(body));
  }
  for (let round = 0; round < 5; round++) {
    await untilHandled();
    const list = Array.from({ length: 50 }, (_, index) => ({
      pod: `pod-${round}-${index}`,
      status: 'resolved' as const,
    }));
    await Promise.all(atOnce(bodyOf(list)));
  }
  await bot.settle();
  expect(await bot.query(`select count(*) from alert_timeline where what = 'resolved'`)).toEqual([{ count: 250 }]);
  expect(await bot.query('select message from errors')).toEqual([]);
  expect(await bot.query('select count(*) from alerts')).toEqual([{ count: 250 }]);
  expect(await bot.query('select count(*) from alert_episodes')).toEqual([{ count: 250 }]);
  const shown = bot.messages().map((one) => Number(/#(\d+)/.exec(one.message.title ?? '')?.[1]));
  const numbers = await bot.query<{ number: number }>('select number from alerts');
  expect(shown.toSorted((a, b) => a - b)).toEqual(numbers.map(({ number }) => number).toSorted((a, b) => a - b));
}, 60_000);

/** Runs statements like another replica while a notification is handled. */
async function meanwhile(other: readonly [string, unknown[]][], sent: unknown): Promise<void> {
  const client = new pg.Client({ connectionString: bot.databaseUrl });
  await client.connect();
  await client.query('begin');
  for (const [text, values] of other) await client.query(text, values);
  await send(sent);
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await bot.query(waiting)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await client.query('commit');
  await client.end();
  await bot.settle();
}

test('an alert that another replica adds to a group at the same moment is in its message', async () => {
  await send(
    bodyOf([
      { pod: 'a', team: 'groups' },
      { pod: 'c', team: 'groups' },
    ]),
  );
  await send(bodyOf([{ pod: 'b' }]));
  await bot.settle();
  await meanwhile(
    [
      ['select 1 from alert_groups for update', []],
      ['insert into alert_group_members select g.id, a.id from alert_groups g, alerts a on conflict do nothing', []],
    ],
    bodyOf([{ pod: 'c', team: 'groups', status: 'resolved' }]),
  );
  expect(bot.texts().join('\n')).toContain('🔴 CRITICAL 2 firing, 1 ended ·');
});

test('an acknowledgement at the same moment is not overwritten by the end of the alert', async () => {
  await send(bodyOf([{ pod: 'a' }]));
  await bot.settle();
  const ack = {
    owner: { key: 'ann', name: 'Ann' },
    at: new Date().toISOString(),
    until: null,
    others: [],
    askedAt: null,
  };
  await meanwhile([['update alerts set ack = $1', [ack]]], bodyOf([{ pod: 'a', status: 'resolved' }]));
  expect(bot.texts()[0]).toMatch(/^🟢 RESOLVED after .*, Ann · /);
});

test('each alert ends in the state of its last notification, whatever is sent at whatever rate', async () => {
  const [histories = []] = fc.sample(
    fc.array(fc.array(fc.record({ repeats: fc.nat(2), late: fc.boolean() }), { minLength: 1, maxLength: 4 }), {
      minLength: 30,
      maxLength: 30,
    }),
    { numRuns: 1, seed: 7 },
  );
  const now = bot.app.clock.now().getTime() - 3_600_000;
  await Promise.all(
    histories.map(async (episodes, pod) => {
      let at = now;
      let lastEnd: OneAlert | undefined;
      for (const [index, { repeats, late }] of episodes.entries()) {
        const firing: OneAlert = { pod: `pod-${pod}`, startsAt: new Date((at += 60_000)) };
        for (let count = 0; count <= repeats; count++) await send(bodyOf([firing]));
        if (late && lastEnd) await send(bodyOf([lastEnd]));
        if (index === episodes.length - 1 && pod % 2 === 0) continue;
        lastEnd = { ...firing, status: 'resolved', endsAt: new Date((at += 60_000)) };
        await send(bodyOf([lastEnd]));
      }
    }),
  );
  await bot.settle();
  expect(await bot.query('select message from errors')).toEqual([]);
  const rows = await bot.query<{ pod: string; phase: string }>(`select labels->>'pod' as pod, phase from alerts`);
  expect(rows).toHaveLength(30);
  for (const { pod, phase } of rows)
    expect({ pod, phase }).toEqual({ pod, phase: Number(pod.slice(4)) % 2 === 0 ? 'firing' : 'resolved' });
  const living = new Map(
    bot.messages().flatMap(({ message: { title } }) => (title ? [[/#\d+/.exec(title)?.[0], title] as const] : [])),
  );
  expect([...living.values()].filter((title) => title.startsWith('🔴'))).toHaveLength(15);
}, 60_000);
