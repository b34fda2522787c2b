/** Two peers of one cluster report one alert, in every order that keeps each peer's own order. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { NewEvent } from '../../src/events/event.ts';
import type { TestBot } from '../../src/testing/index.ts';
import { advanceEpisode, type EpisodeChange, type Episode } from './episode.ts';
import { senderKey } from './sender-state.ts';
import { bodyOf, startAlertsBot } from './test-bot.ts';
import { DAY, isEnd, lines, reportOf, TIMES, twoPeers, type Line, type PeerReport, type Times } from './test-peers.ts';
import { CONFIRM_AFTER_MS } from './unconfirmed-resolve.ts';

const HOUR_MS = 3_600_000;

/** @param handled positions in `reports`, when they are handled in another order than accepted. */
function run(reports: readonly PeerReport[], times: Times, distinct: boolean, handled = [...reports.keys()]) {
  const changes: EpisodeChange[] = [];
  let state: Episode | undefined;
  for (const order of handled) {
    const one = reports[order] as PeerReport;
    const accepted = { receivedAt: new Date(DAY + HOUR_MS + order * 1000), order, sender: distinct ? one.peer : 'one' };
    const { change, next } = advanceEpisode(state, reportOf(one, times), accepted);
    changes.push(change);
    state = next;
  }
  return { state, changes, firing: state?.phase === 'firing' };
}

const text = (reports: readonly PeerReport[]): string => reports.map(({ peer, line }) => `${peer} ${line}`).join(', ');

/** The orders with a wrong result. */
function wrong(
  orders: readonly PeerReport[][],
  isRight: (reports: PeerReport[], times: Times, distinct: boolean) => boolean,
): string[] {
  return orders.flatMap((reports) =>
    TIMES.flatMap((times) =>
      [true, false].flatMap((distinct) =>
        isRight(reports, times, distinct) ? [] : [`${text(reports)} (${JSON.stringify({ ...times, distinct })})`],
      ),
    ),
  );
}

const ENDED = ['F1 R1', 'F1 F1 R1', 'F1 R1 R1', 'F2 R2', 'F1 R1 F2 R2', 'F1 F1 R1 F2 R2', 'F1 R1 F1 R1'];

test('an alert is resolved when both peers have reported so, in whatever order', () => {
  const newest = (reports: string): string => reports.slice(-1);
  const pairs = ENDED.flatMap((a) => ENDED.filter((b) => newest(a) === newest(b)).map((b) => [a, b] as const));
  const orders = pairs.flatMap(([a, b]) => twoPeers(a, b));
  expect(orders.length).toBeGreaterThan(1000);
  expect(wrong(orders, (reports, times, distinct) => !run(reports, times, distinct).firing)).toEqual([]);
});

test('that holds in whatever order the reports are handled', () => {
  const orders = twoPeers('F1 R1 F2 R2', 'F1 R1 F2 R2');
  fc.assert(
    fc.property(
      fc.constantFrom(...orders),
      fc.constantFrom(...TIMES),
      fc.boolean(),
      fc.shuffledSubarray([...Array(8).keys()], { minLength: 8 }),
      (reports, times, distinct, handled) => {
        expect(run(reports, times, distinct, handled).firing).toBe(false);
      },
    ),
    { numRuns: 2000 },
  );
});

test('an alert that fires again stays firing, whatever the other peer reports about the episode before', () => {
  const orders = ['F1 R1', 'F1 F1 R1', 'R1'].flatMap((b) => twoPeers('F1 R1 F2', b));
  const right = (reports: PeerReport[], times: Times, distinct: boolean): boolean => {
    // When neither sender nor times separate a late copy from the end of the current episode, the last accepted report counts.
    if (times.starts === 'the same' && (!distinct || times.peers === 'differ')) return true;
    return run(reports, times, distinct).firing;
  };
  expect(wrong(orders, right)).toEqual([]);
});

test('an end repeated by the peer that knows of it resolves an alert that the peer behind has reopened', () => {
  const orders = twoPeers('F1 R1 R1', 'F1 F1');
  expect(
    wrong(
      orders,
      (reports, times, distinct) => run(reports, times, distinct).firing !== isEnd(reports.at(-1) as PeerReport),
    ),
  ).toEqual([]);
});

test('a peer that comes back under another address resolves what it opened', () => {
  const reports: PeerReport[] = [
    ...[
      { peer: 'a', line: 'F1' as const },
      { peer: 'a', line: 'R1' as const },
    ],
    ...[
      { peer: 'b', line: 'F1' as const },
      { peer: 'c', line: 'R1' as const },
    ],
  ];
  expect(wrong([reports], (one, times, distinct) => !run(one, times, distinct).firing)).toEqual([]);
});

test('the reports of the last eight senders are kept', () => {
  const reports = Array.from({ length: 40 }, (_, nth): PeerReport => ({
    peer: `pod ${nth}`,
    line: nth % 2 ? 'R1' : 'F1',
  }));
  const { state } = run(reports, { starts: 'the same', peers: 'agree' }, true);
  expect(state?.senders.map(({ sender }) => sender).sort()).toEqual(
    reports
      .slice(-8)
      .map(({ peer }) => peer)
      .sort(),
  );
});

test('senders are distinguished by address, external URL, receiver and group', () => {
  const reports: Parameters<typeof senderKey>[] = [
    ['10.0.0.1', 'http://a', 'watchbell', '{}:{}'],
    ['10.0.0.2', 'http://a', 'watchbell', '{}:{}'],
    ['10.0.0.1', 'http://b', 'watchbell', '{}:{}'],
    ['10.0.0.1', 'http://a', 'other', '{}:{}'],
    ['10.0.0.1', 'http://a', 'watchbell', '{}:{x="1"}'],
    [undefined, '', '', ''],
  ];
  const senders = reports.map((one) => senderKey(...one));
  expect(new Set(senders).size).toBe(reports.length);
  expect(reports.map((one) => senderKey(...one))).toEqual(senders);
});

describe('through the complete skill', () => {
  const start = Date.now() - 6 * HOUR_MS;
  let bot: TestBot;
  beforeAll(async () => {
    bot = await startAlertsBot();
  });
  afterAll(() => bot.stop());

  /** The event of a peer's post. */
  function event(one: PeerReport, pod: string, by: 'address' | 'external URL', times: Times): NewEvent {
    const { status, startsAt, endsAt } = reportOf(one, times);
    const shifted = (time: Date): Date => new Date(time.getTime() - DAY + start);
    const alert = { status, startsAt: shifted(startsAt), ...(endsAt && { endsAt: shifted(endsAt) }) };
    const body = {
      ...bodyOf([{ pod, ...alert }]),
      groupKey: pod,
      externalURL: by === 'address' ? 'http://alertmanager.test' : `http://${one.peer}.test`,
    };
    const remoteAddress = by === 'address' ? `10.0.0.${one.peer === 'a' ? 1 : 2}` : '10.0.0.9';
    return {
      ...{ source: 'webhook', sourceId: randomUUID(), kind: 'webhook', skill: 'alerts', name: 'alertmanager' },
      ...{ lane: pod, payload: JSON.stringify({ source: 'prod', remoteAddress, body }), happenedAt: new Date() },
    };
  }

  const openPods = async (): Promise<string[]> => {
    const rows = await bot.query<{ pod: string }>(`select labels ->> 'pod' as pod from alerts where phase = 'firing'`);
    return rows.map(({ pod }) => pod).sort();
  };

  test('no alert that both peers resolved stays open, and one that fires again for one peer stays open', async () => {
    const ended = fc.sample(fc.constantFrom(...twoPeers('F1 R1 F2 R2', 'F1 F1 R1 F2 R2')), { numRuns: 30, seed: 30 });
    const open = fc.sample(fc.constantFrom(...twoPeers('F1 R1 F1', 'F1 R1')), { numRuns: 10, seed: 30 });
    const events = [...ended, ...open].flatMap((reports, at) =>
      reports.map((one) => {
        const times = at < ended.length ? TIMES[at % TIMES.length] : TIMES[0];
        return event(one, `pod ${at}`, at % 2 ? 'address' : 'external URL', times as Times);
      }),
    );
    await bot.app.acceptor.accept(events);
    await bot.settle();
    expect(await bot.query('select message from errors')).toEqual([]);
    expect(await openPods()).toEqual(open.map((_, at) => `pod ${ended.length + at}`).sort());
    expect(await bot.query('select 1 from alert_episodes where ended_at is null')).toHaveLength(open.length);
  });

  const [times] = TIMES as [Times];
  const a = (text: string): PeerReport[] => lines(text).map((line) => ({ peer: 'a', line }));

  async function handle(...events: readonly NewEvent[]): Promise<void> {
    await bot.app.acceptor.accept(events);
    await bot.settle();
  }

  test('a sender is identified by the address that it posts from', async () => {
    const body = { ...bodyOf([{ pod: 'posted' }]), externalURL: 'http://alertmanager.test' };
    await bot.webhook('alertmanager/prod', body, 'secret');
    const { receiver, groupKey } = body as unknown as { receiver: string; groupKey: string };
    const sender = senderKey('127.0.0.1', 'http://alertmanager.test', receiver, groupKey);
    expect(await bot.query(`select words from alerts where labels ->> 'pod' = 'posted'`)).toEqual([
      { words: [expect.objectContaining({ sender, resolved: null })] },
    ]);
  });

  test.each([
    ['an end that was contradicted', [...a('F1 R1 F1'), { peer: 'b', line: 'R1' }]],
    ['an end unknown to a peer that then fell silent', [...a('F1 R1'), { peer: 'b', line: 'F1' }]],
  ] as [string, PeerReport[]][])('%s counts when the alert is not reported firing for a day', async (what, reports) => {
    const of = (pod: string, all: readonly PeerReport[]): NewEvent[] =>
      all.map((one) => event(one, pod, 'address', times));
    const [silent, again] = [`silent ${what}`, `again ${what}`];
    await handle(...of(silent, reports), ...of(again, [...reports, ...a('F1')]));
    const open = async (): Promise<string[]> => (await openPods()).filter((pod) => pod.endsWith(what));
    expect(await open()).toEqual([again, silent]);
    await bot.advance(CONFIRM_AFTER_MS - 60_000);
    expect(await open()).toEqual([again, silent]);
    await bot.advance(60_000);
    expect(await open()).toEqual([again]);
    const shown = (pod: string): string | undefined => bot.texts().findLast((one) => one.includes(`${pod} restarted`));
    expect(shown(silent)).toMatch(/RESOLVED after 5 min/);
    expect(shown(again)).toMatch(/CRITICAL/);
    expect(await bot.query('select what, detail from alert_timeline order by id desc limit 1')).toEqual([
      { what: 'resolved', detail: expect.stringContaining('no "firing" has come since') },
    ]);
  });

  test('an end that is handled after a later "firing" counts after a day, too', async () => {
    const of = (pod: string, line: Line, peer: string): NewEvent => event({ peer, line }, pod, 'address', times);
    await handle(of('late end', 'F1', 'a'));
    // As if the other peer's repeat, accepted after the end, were handled before it.
    await bot.query(`update alerts set firing_order = firing_order + 100000 where labels ->> 'pod' = 'late end'`);
    await handle(of('late end', 'R1', 'a'));
    expect(await openPods()).toContain('late end');
    await bot.advance(CONFIRM_AFTER_MS);
    expect(await openPods()).not.toContain('late end');
  });
});
