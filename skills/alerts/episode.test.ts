import fc from 'fast-check';
import { advanceEpisode, type Episode } from './episode.ts';
import type { Report } from './notification.ts';

const time = (second: number): Date => new Date(Date.UTC(2026, 0, 5) + second * 1000);
interface Sent {
  readonly status: 'firing' | 'resolved';
  readonly startsAt: number | null;
  readonly endsAt: number | null;
  readonly receivedAt: number;
  /** Default: the first of two peers. */
  readonly sender?: string;
}

function run(sent: readonly Sent[]): Episode | undefined {
  let state: Episode | undefined;
  for (const { status, startsAt, endsAt, receivedAt, sender = 'a' } of sent) {
    const at = (second: number | null): Date | null => (second === null ? null : time(second));
    const report: Report = {
      fingerprint: 'f',
      status,
      labels: {},
      annotations: {},
      generatorUrl: null,
      startsAt: at(startsAt),
      endsAt: at(endsAt),
    };
    state = advanceEpisode(state, report, { receivedAt: time(receivedAt), order: receivedAt, sender }).next;
  }
  return state;
}

const firing = (receivedAt: number, startsAt: number | null = receivedAt - 1): Sent => ({
  status: 'firing',
  startsAt,
  endsAt: null,
  receivedAt,
});
const resolved = (receivedAt: number, endsAt: number | null = receivedAt - 1, startsAt: number | null = 0): Sent => ({
  status: 'resolved',
  startsAt,
  endsAt,
  receivedAt,
});
/** An alert of which only the end was received counts as ended. */
const isFiring = (state: Episode | undefined): boolean => state?.phase === 'firing';

test('start times that differ between Prometheus replicas are one episode, from the earliest', () => {
  const state = run([firing(60, 51), firing(70, 39), firing(80, 51), firing(90, 39)]);
  expect(state).toMatchObject({ phase: 'firing', startedAt: time(39) });
});

test('firing, resolved and the identical firing again is firing; a late copy of the end does not resolve it', () => {
  const [first, end] = [firing(10, 5), resolved(20, 18, 5)];
  const late = { ...end, receivedAt: 31, sender: 'b' };
  expect(isFiring(run([first, end, { ...first, receivedAt: 30 }]))).toBe(true);
  expect(isFiring(run([first, end, { ...first, receivedAt: 30 }, late]))).toBe(true);
  expect(isFiring(run([first, end, { ...first, receivedAt: 30 }, late, resolved(50, 49, 5)]))).toBe(false);
});

test('an end from a clock that ran ahead does not make every later end look old', () => {
  expect(isFiring(run([firing(10), resolved(20, 9999), firing(30), resolved(40, 39)]))).toBe(false);
});

test('without start and end times an episode begins and ends when the report is received', () => {
  expect(run([firing(10, null)])).toMatchObject({ startedAt: time(10) });
  expect(run([firing(10, null), resolved(20, null, null)])).toMatchObject({ phase: 'resolved', endedAt: time(20) });
});

test('an end that overtakes its own start leaves no open alert', () => {
  expect(run([resolved(20, 18, 5), firing(10, 5)])).toMatchObject({
    phase: 'resolved',
    startedAt: time(5),
    endedAt: time(18),
  });
});

test('a sender whose clock is behind still opens and ends alerts', () => {
  expect(isFiring(run([firing(1000, 400), resolved(1010, 410, 400)]))).toBe(false);
});

test('in any order of handling, the state is that of the last accepted report', () => {
  const history = fc
    .array(fc.record({ repeats: fc.nat(2), jitter: fc.nat(12) }), { minLength: 1, maxLength: 5 })
    .chain((episodes) => fc.record({ sent: fc.constant(historyOf(episodes)), open: fc.boolean() }));
  fc.assert(
    fc.property(
      history.chain(({ sent, open }) => {
        const last = open ? sent.slice(0, -1) : sent;
        return fc.record({
          last: fc.constant(last),
          handled: fc.shuffledSubarray([...last], { minLength: last.length }),
        });
      }),
      ({ last, handled }) => {
        expect(isFiring(run(handled))).toBe(last.at(-1)?.status === 'firing');
      },
    ),
    { numRuns: 2000 },
  );
});

test('late copies from a second peer never resolve a firing alert', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ repeats: fc.nat(2), jitter: fc.nat(12) }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      (episodes, copies) => {
        const sent = historyOf(episodes).slice(0, -1);
        const ends = sent.filter((one) => one.status === 'resolved');
        const late =
          ends.length === 0
            ? []
            : copies.map((copy, index) => ({
                ...(ends[copy % ends.length] as Sent),
                receivedAt: 100_000 + index,
                sender: 'b',
              }));
        expect(isFiring(run([...sent, ...late]))).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

/** The reports of an alert that fires and resolves several times, with repeats and the start times of two replicas. */
function historyOf(episodes: readonly { readonly repeats: number; readonly jitter: number }[]): Sent[] {
  let now = 100;
  return episodes.flatMap(({ repeats, jitter }) => {
    const startsAt = now;
    const sent: Sent[] = [];
    for (let count = 0; count <= repeats; count++) sent.push(firing((now += 30), startsAt + (count % 2) * jitter));
    sent.push(resolved((now += 30), now - 5, startsAt));
    now += 30;
    return sent;
  });
}
