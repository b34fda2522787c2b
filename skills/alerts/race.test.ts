import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { TestBot } from '../../src/testing/index.ts';
import { until } from '../../test/harness/until.ts';
import { bodyOf, post, startAlertsBot } from './test-bot.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

test.each([1, 40])(
  'an alert that another replica writes at the same moment is one alert, in a batch of %d',
  async (count) => {
    await post(bot, { pod: 'a' });
    const [columns] = await bot.query<{ names: string }>(
      `select string_agg(attname, ', ') as names from pg_attribute where attrelid = 'alerts'::regclass and attnum > 0
       and attname not in ('id', 'number', 'fingerprint')`,
    );
    const body = bodyOf([{ pod: 'b' }]) as { alerts: { fingerprint: string }[] };
    for (const alert of body.alerts) alert.fingerprint = 'b0b';
    const other = new pg.Client({ connectionString: bot.databaseUrl });
    await other.connect();
    await other.query('begin');
    await other.query(
      `insert into alerts (number, fingerprint, ${columns?.names}) select nextval('alert_numbers'), $1, ${columns?.names} from alerts`,
      ['b0b'],
    );
    const event = (of: object) => ({
      ...{ source: 'webhook', sourceId: randomUUID(), kind: 'webhook' as const, skill: 'alerts', name: 'alertmanager' },
      payload: JSON.stringify({ source: 'prod', body: of }),
      happenedAt: new Date(),
    });
    const crowd = Array.from({ length: count - 1 }, (_, n) => event(bodyOf([{ pod: `crowd ${n}` }])));
    await bot.app.acceptor.accept([...crowd, event(body)]);
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await until(async () => (await bot.query(waiting)).length > 0);
    await other.query('commit');
    await other.end();
    await bot.settle();
    expect(await bot.query(`select 1 from events where state = 'failed'`)).toEqual([]);
    // Each alert is shown once, although the other replica wrote it with other labels.
    const alerts = await bot.query<{ number: number }>('select number from alerts');
    expect(alerts).toHaveLength(1 + count);
    // With the number that the other replica drew.
    const shown = bot.texts().map((text) => Number(/#(\d+)/.exec(text)?.[1]));
    expect(new Set(shown)).toEqual(new Set(alerts.map(({ number }) => number)));
    expect(shown).toHaveLength(1 + count);
  },
);
