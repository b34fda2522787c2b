import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { NewEvent } from '../../src/events/event.ts';
import type { TestBot } from '../../src/testing/index.ts';
import { bodyOf, startAlertsBot, type OneAlert } from './test-bot.ts';

let bot: TestBot;
beforeEach(async () => {
  bot = await startAlertsBot();
});
afterEach(() => bot.stop());

interface Sent {
  /** The Alertmanager group; each is a lane. */
  readonly group: number;
  readonly alerts: readonly OneAlert[];
}

const event = (prefix: string, { group, alerts }: Sent): NewEvent => ({
  ...{ source: 'webhook', sourceId: randomUUID(), lane: `prod ${prefix}${group}`, kind: 'webhook' },
  ...{ skill: 'alerts', name: 'alertmanager', happenedAt: new Date() },
  payload: JSON.stringify({
    source: 'prod',
    body: {
      ...bodyOf(alerts.map((alert) => ({ ...alert, pod: `${prefix}${group}-${alert.pod}` }))),
      groupKey: `${prefix}${group}`,
    },
  }),
});

/**
 * Everything that is stored of the alerts whose pods have this prefix, without what differs between runs. That includes how
 * often a message rings, since the changes of one transaction ring once.
 */
async function stored(prefix: string): Promise<unknown> {
  const alerts = await bot.query(
    `select substr(labels->>'pod', 2) as pod, phase, severity, week_count, jsonb_array_length(places) as places,
       (select json_agg(t.what order by t.id) from alert_timeline t where t.alert_id = a.id) as history,
       (select count(*) from alert_episodes e where e.alert_id = a.id) as episodes,
       (select json_agg(json_build_object('room', room, 'rang', ring_version > 0, 'title', content::json->>'title', 'line', line) order by room)
          from messages where key = 'alert:' || a.number) as shown
     from alerts a where labels->>'pod' like $1 order by labels->>'pod', severity`,
    [`${prefix}%`],
  );
  const groups = await bot.query(
    `select g.open, g.acked, g.truncated, g.rooms, (select json_agg(substr(a.labels->>'pod', 2) order by a.labels->>'pod')::text from alert_group_members m join alerts a on a.id = alert_id where group_id = g.id) as members,
       (select json_agg(json_build_object('room', room, 'rang', ring_version > 0, 'title', content::json->>'title')) from messages where key = 'group:' || g.id) as shown
     from alert_groups g where exists (select 1 from alert_group_members m join alerts a on a.id = alert_id where group_id = g.id and a.labels->>'pod' like $1) order by 5, 4`,
    [`${prefix}%`],
  );
  // Numbers and durations depend on when the events were handled.
  const plain = JSON.stringify({ alerts, groups });
  return JSON.parse(
    plain
      .replaceAll(/#\d+/g, '#N')
      .replaceAll(/\d\d:\d\d( UTC)?/g, 'TIME')
      .replaceAll(/after [^,·"]+/g, 'after a while'),
  ) as unknown;
}

/** On a busy machine some events may be redone one by one. */
async function transactions(lanes: string): Promise<number> {
  const [shared] = await bot.query<{ count: number }>(
    `select count(distinct xmin::text)::int as count from events where lane like $1`,
    [`${lanes}%`],
  );
  return shared?.count ?? 0;
}

test('notifications handled as one batch leave the same result as one by one', async () => {
  const start = bot.app.clock.now().getTime() - 7_200_000;
  const sent = fc.record({
    group: fc.nat(11),
    alerts: fc.uniqueArray(
      fc.record({
        pod: fc.constantFrom('a', 'b', 'c'),
        status: fc.constantFrom('firing' as const, 'resolved' as const),
        severity: fc.constantFrom('critical', 'warning'),
      }),
      { minLength: 1, maxLength: 3, selector: ({ pod }) => pod },
    ),
  });
  const teams = [undefined, undefined, 'groups', 'grouppage', 'both'];
  const [plan = []] = fc.sample(fc.array(sent, { minLength: 150, maxLength: 150 }), { numRuns: 1, seed: 11 });
  const timed = plan.map(({ group, alerts }, at): Sent => {
    const team = teams[group % teams.length];
    const time = new Date(start + at * 20_000);
    return {
      group,
      alerts: alerts.map((alert) => ({
        ...{ ...alert, startsAt: time, summary: `${alert.severity} ${alert.pod}`, ...(team !== undefined && { team }) },
        ...(alert.status === 'resolved' && { startsAt: new Date(time.getTime() - 30_000), endsAt: time }),
      })),
    };
  });
  for (const one of timed) {
    await bot.app.acceptor.accept([event('a', one)]);
    await bot.settle();
  }
  await bot.app.acceptor.accept(timed.map((one) => event('b', one)));
  await bot.settle();
  expect(await bot.query('select message from errors')).toEqual([]);
  expect(await transactions('prod b')).toBeLessThan(plan.length);
  expect(await stored('b')).toEqual(await stored('a'));
}, 60_000);

test.each([
  [5, 5],
  [5, 1100],
])(
  'the same %d alerts from many peers, and %d from one of them, are stored once each',
  async (few, many) => {
    const list = (count: number): OneAlert[] =>
      Array.from({ length: count }, (_, index) => ({ pod: `p${index}`, team: index % 2 ? 'groups' : 'both' }));
    const startsAt = new Date(bot.app.clock.now().getTime() - 3_600_000);
    for (const status of ['firing', 'resolved'] as const) {
      await bot.app.acceptor.accept(
        Array.from({ length: 24 }, (_, group) => ({
          ...event('', { group, alerts: [] }),
          payload: JSON.stringify({
            source: 'prod',
            body: {
              ...bodyOf(list(group === 13 ? many : few).map((alert) => ({ ...alert, status, startsAt }))),
              groupKey: 'the same',
            },
          }),
        })),
      );
      await bot.settle();
    }
    expect(await bot.query('select message from errors')).toEqual([]);
    if (many === few) expect(await transactions('prod')).toBeLessThan(48);
    expect(await bot.query('select count(*) from alerts')).toEqual([{ count: many }]);
    expect(await bot.query('select count(*) from alert_episodes')).toEqual([{ count: many }]);
    expect(await bot.query('select what, count(*) from alert_timeline group by 1 order by 1')).toEqual([
      { what: 'fired', count: many },
      { what: 'resolved', count: many },
    ]);
    expect(
      await bot.query(
        `select distinct ring_version, content like '%RESOLVED%' as ended from messages where key like 'alert:%'`,
      ),
    ).toEqual([{ ring_version: 1, ended: true }]);
    expect(
      await bot.query('select open, (select count(*) from alert_group_members) as members from alert_groups'),
    ).toEqual([{ open: false, members: Math.floor(many / 2) }]);
  },
  60_000,
);

const notification = (groupKey: string, receiver: string, ...alerts: readonly OneAlert[]): NewEvent => ({
  ...event('', { group: 0, alerts: [] }),
  lane: `prod ${groupKey}`,
  payload: JSON.stringify({ source: 'prod', body: { ...bodyOf(alerts), groupKey, receiver } }),
});

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((pod) => ({
  ...{ pod, team: 'groups', startsAt: new Date(Date.now() - 600_000) },
})) as [OneAlert, OneAlert, OneAlert, OneAlert];
const ended = (one: OneAlert): OneAlert => ({ ...one, status: 'resolved' });

// Alerts that came through receiver one are in the group of x, also when their end comes through receiver two.
describe.each(['one by one', 'together'])('a group that other groups change too: %s', (how) => {
  test.each<[string, NewEvent[], NewEvent[], { open: boolean; rings: number }]>([
    [
      'its last alert ends elsewhere, and a new one begins',
      [notification('x', 'one', a), notification('y', 'two', a)],
      [notification('y', 'two', ended(a)), notification('x', 'one', b)],
      { open: true, rings: 2 },
    ],
    [
      'its last alert ends elsewhere, and one that had ended fires again',
      [notification('x', 'one', a, b), notification('x', 'one', a, ended(b)), notification('y', 'two', a)],
      [notification('y', 'two', ended(a)), notification('x', 'one', b)],
      { open: true, rings: 2 },
    ],
    [
      'one ends elsewhere, another here, and a new one begins',
      [notification('x', 'one', b, c), notification('y', 'two', c)],
      [notification('y', 'two', ended(c)), notification('x', 'one', ended(b), d)],
      { open: true, rings: 1 },
    ],
  ])('%s', async (_, before, then, expected) => {
    const oneByOne = async (events: readonly NewEvent[]): Promise<void> => {
      for (const one of events) {
        await bot.app.acceptor.accept([{ ...one, sourceId: randomUUID() }]);
        await bot.settle();
      }
    };
    await oneByOne(before);
    const fillers = Array.from({ length: 20 }, (__, group) => event('filler', { group, alerts: [{ pod: 'p' }] }));
    if (how === 'one by one') await oneByOne(then);
    else await bot.app.acceptor.accept([...then.map((one) => ({ ...one, sourceId: randomUUID() })), ...fillers]);
    await bot.settle();
    expect(await bot.query('select message from errors')).toEqual([]);
    expect(
      await bot.query(
        `select open, (select ring_version from messages where key = 'group:' || g.id) as rings from alert_groups g order by id limit 1`,
      ),
    ).toEqual([expected]);
  });
});
