/** Two peers of one cluster speak of one alert: every order that keeps each peer's own. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { NewEvent } from '../../src/events/event.ts';
import type { TestBot } from '../../src/testing/index.ts';
import { advance, type Change, type Interval } from './advance.ts';
import { DOUBT_MS } from './doubt.ts';
import { bodyOf, startAlertsBot } from './test-bot.ts';
import { senderOf } from './words.ts';

const HOUR_MS = 3_600_000;
const DAY = Date.UTC(2026, 0, 5);

/** `F1` fires, `R1` is over, of the first of some episodes. */
type Line = `${'F' | 'R'}${number}`;
interface Said {
  readonly peer: string;
  readonly line: Line;
}
interface Times {
  readonly starts: 'the same' | 'new';
  /** Differing: the second peer saw each change two seconds after the first. */
  readonly peers: 'agree' | 'differ';
}

const TIMES = (['the same', 'new'] as const).flatMap((starts) =>
  (['agree', 'differ'] as const).map((peers): Times => ({ starts, peers })),
);

const lines = (text: string): Line[] => text.split(' ') as Line[];

function* interleaved(a: readonly Said[], b: readonly Said[]): Generator<Said[]> {
  const [[first, ...a1], [other, ...b1]] = [a, b];
  if (first) for (const rest of interleaved(a1, b)) yield [first, ...rest];
  if (other) for (const rest of interleaved(a, b1)) yield [other, ...rest];
  if (!first && !other) yield [];
}

const twoPeers = (a: string, b: string): Said[][] => [
  ...interleaved(
    lines(a).map((line) => ({ peer: 'a', line })),
    lines(b).map((line) => ({ peer: 'b', line })),
  ),
];

const isEnd = ({ line }: Said): boolean => line.startsWith('R');

/** What a peer sends: an episode lasts five minutes, and the next one begins five minutes after it. */
function reportOf({ peer, line }: Said, { starts, peers }: Times) {
  const nth = Number(line.slice(1)) - 1;
  const begin = DAY + (starts === 'new' ? nth * 600_000 : 0);
  const late = peers === 'differ' && peer !== 'a' ? 2000 : 0;
  return {
    ...{ fingerprint: 'f', labels: {}, annotations: {}, generatorUrl: null },
    status: line.startsWith('R') ? ('resolved' as const) : ('firing' as const),
    startsAt: new Date(begin + late),
    endsAt: line.startsWith('R') ? new Date(DAY + nth * 600_000 + 300_000 + late) : null,
  };
}

/** @param handled places in `said`, when it is handled in another order than it was accepted in. */
function run(said: readonly Said[], times: Times, told: boolean, handled = [...said.keys()]) {
  const changes: Change[] = [];
  let state: Interval | undefined;
  for (const order of handled) {
    const one = said[order] as Said;
    const accepted = { receivedAt: new Date(DAY + HOUR_MS + order * 1000), order, sender: told ? one.peer : 'one' };
    const { change, next } = advance(state, reportOf(one, times), accepted);
    changes.push(change);
    state = next;
  }
  return { state, changes, firing: state?.phase === 'firing' };
}

const text = (said: readonly Said[]): string => said.map(({ peer, line }) => `${peer} ${line}`).join(', ');

/** Those of all orders that do not end as they should. */
function wrong(orders: readonly Said[][], isRight: (said: Said[], times: Times, told: boolean) => boolean): string[] {
  return orders.flatMap((said) =>
    TIMES.flatMap((times) =>
      [true, false].flatMap((told) =>
        isRight(said, times, told) ? [] : [`${text(said)} (${JSON.stringify({ ...times, told })})`],
      ),
    ),
  );
}

const OVER = ['F1 R1', 'F1 F1 R1', 'F1 R1 R1', 'F2 R2', 'F1 R1 F2 R2', 'F1 F1 R1 F2 R2', 'F1 R1 F1 R1'];

test('whatever two peers say in whatever order, when both have said that it is over it is', () => {
  const newest = (said: string): string => said.slice(-1);
  const pairs = OVER.flatMap((a) => OVER.filter((b) => newest(a) === newest(b)).map((b) => [a, b] as const));
  const orders = pairs.flatMap(([a, b]) => twoPeers(a, b));
  expect(orders.length).toBeGreaterThan(1000);
  expect(wrong(orders, (said, times, told) => !run(said, times, told).firing)).toEqual([]);
});

test('so it is in whatever order that is handled', () => {
  const orders = twoPeers('F1 R1 F2 R2', 'F1 R1 F2 R2');
  fc.assert(
    fc.property(
      fc.constantFrom(...orders),
      fc.constantFrom(...TIMES),
      fc.boolean(),
      fc.shuffledSubarray([...Array(8).keys()], { minLength: 8 }),
      (said, times, told, handled) => {
        expect(run(said, times, told, handled).firing).toBe(false);
      },
    ),
    { numRuns: 2000 },
  );
});

test('what fires again fires on, whatever the other peer says of what was before', () => {
  const orders = ['F1 R1', 'F1 F1 R1', 'R1'].flatMap((b) => twoPeers('F1 R1 F2', b));
  const right = (said: Said[], times: Times, told: boolean): boolean => {
    // Where neither a sender nor a time tells a late copy from the end of what fires, what was accepted last counts.
    if (times.starts === 'the same' && (!told || times.peers === 'differ')) return true;
    return run(said, times, told).firing;
  };
  expect(wrong(orders, right)).toEqual([]);
});

test('an end told again by the peer that knows of it closes what the other one, which was behind, opened', () => {
  const orders = twoPeers('F1 R1 R1', 'F1 F1');
  expect(wrong(orders, (said, times, told) => run(said, times, told).firing !== isEnd(said.at(-1) as Said))).toEqual(
    [],
  );
});

test('a peer that comes back under another address ends what it opened', () => {
  const said: Said[] = [
    ...[
      { peer: 'a', line: 'F1' as const },
      { peer: 'a', line: 'R1' as const },
    ],
    ...[
      { peer: 'b', line: 'F1' as const },
      { peer: 'c', line: 'R1' as const },
    ],
  ];
  expect(wrong([said], (one, times, told) => !run(one, times, told).firing)).toEqual([]);
});

test('what senders said is kept of the last eight', () => {
  const said = Array.from({ length: 40 }, (_, nth): Said => ({ peer: `pod ${nth}`, line: nth % 2 ? 'R1' : 'F1' }));
  const { state } = run(said, { starts: 'the same', peers: 'agree' }, true);
  expect(state?.words.map(({ sender }) => sender).sort()).toEqual(
    said
      .slice(-8)
      .map(({ peer }) => peer)
      .sort(),
  );
});

test('peers are told apart by address and by external URL, and what they say by receiver and group', () => {
  const said: Parameters<typeof senderOf>[] = [
    ['10.0.0.1', 'http://a', 'watchbell', '{}:{}'],
    ['10.0.0.2', 'http://a', 'watchbell', '{}:{}'],
    ['10.0.0.1', 'http://b', 'watchbell', '{}:{}'],
    ['10.0.0.1', 'http://a', 'other', '{}:{}'],
    ['10.0.0.1', 'http://a', 'watchbell', '{}:{x="1"}'],
    [undefined, '', '', ''],
  ];
  const senders = said.map((one) => senderOf(...one));
  expect(new Set(senders).size).toBe(said.length);
  expect(said.map((one) => senderOf(...one))).toEqual(senders);
});

describe('through the whole skill', () => {
  const start = Date.now() - 6 * HOUR_MS;
  let bot: TestBot;
  beforeAll(async () => {
    bot = await startAlertsBot();
  });
  afterAll(() => bot.stop());

  /** As it is stored when a peer posts it. */
  function event(one: Said, pod: string, by: 'address' | 'external URL', times: Times): NewEvent {
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

  test('nothing that is over for both stays open, and what fires again for one does not end', async () => {
    const over = fc.sample(fc.constantFrom(...twoPeers('F1 R1 F2 R2', 'F1 F1 R1 F2 R2')), { numRuns: 30, seed: 30 });
    const open = fc.sample(fc.constantFrom(...twoPeers('F1 R1 F1', 'F1 R1')), { numRuns: 10, seed: 30 });
    const events = [...over, ...open].flatMap((said, at) =>
      said.map((one) => {
        const times = at < over.length ? TIMES[at % TIMES.length] : TIMES[0];
        return event(one, `pod ${at}`, at % 2 ? 'address' : 'external URL', times as Times);
      }),
    );
    await bot.app.acceptor.accept(events);
    await bot.settle();
    expect(await bot.query('select message from errors')).toEqual([]);
    expect(await openPods()).toEqual(open.map((_, at) => `pod ${over.length + at}`).sort());
    expect(await bot.query('select 1 from alert_episodes where ended_at is null')).toHaveLength(open.length);
  });

  const [times] = TIMES as [Times];
  const a = (text: string): Said[] => lines(text).map((line) => ({ peer: 'a', line }));

  async function take(...events: readonly NewEvent[]): Promise<void> {
    await bot.app.acceptor.accept(events);
    await bot.settle();
  }

  test('the sender is known by the address that it posts from', async () => {
    const body = { ...bodyOf([{ pod: 'posted' }]), externalURL: 'http://alertmanager.test' };
    await bot.webhook('alertmanager/prod', body, 'secret');
    const { receiver, groupKey } = body as unknown as { receiver: string; groupKey: string };
    const sender = senderOf('127.0.0.1', 'http://alertmanager.test', receiver, groupKey);
    expect(await bot.query(`select words from alerts where labels ->> 'pod' = 'posted'`)).toEqual([
      { words: [expect.objectContaining({ sender, resolved: null })] },
    ]);
  });

  test.each([
    ['an end that was contradicted', [...a('F1 R1 F1'), { peer: 'b', line: 'R1' }]],
    ['one that a peer knew nothing of which has never been heard again', [...a('F1 R1'), { peer: 'b', line: 'F1' }]],
  ] as [string, Said[]][])('%s counts when nobody says for a day that it fires', async (what, said) => {
    const of = (pod: string, all: readonly Said[]): NewEvent[] => all.map((one) => event(one, pod, 'address', times));
    const [silent, again] = [`silent ${what}`, `again ${what}`];
    await take(...of(silent, said), ...of(again, [...said, ...a('F1')]));
    const open = async (): Promise<string[]> => (await openPods()).filter((pod) => pod.endsWith(what));
    expect(await open()).toEqual([again, silent]);
    await bot.advance(DOUBT_MS - 60_000);
    expect(await open()).toEqual([again, silent]);
    await bot.advance(60_000);
    expect(await open()).toEqual([again]);
    const shown = (pod: string): string | undefined => bot.texts().findLast((one) => one.includes(`${pod} restarted`));
    expect(shown(silent)).toMatch(/RESOLVED after 5 min/);
    expect(shown(again)).toMatch(/CRITICAL/);
    expect(await bot.query('select what, detail from alert_timeline order by id desc limit 1')).toEqual([
      { what: 'resolved', detail: expect.stringContaining('nobody has said') },
    ]);
  });

  test('an end that is handled after the "firing" that followed it counts in the end, too', async () => {
    const of = (pod: string, line: Line, peer: string): NewEvent => event({ peer, line }, pod, 'address', times);
    await take(of('late end', 'F1', 'a'));
    // As if the other peer's repeat, accepted after the end, had been handled before it.
    await bot.query(`update alerts set firing_order = firing_order + 100000 where labels ->> 'pod' = 'late end'`);
    await take(of('late end', 'R1', 'a'));
    expect(await openPods()).toContain('late end');
    await bot.advance(DOUBT_MS);
    expect(await openPods()).not.toContain('late end');
  });
});
