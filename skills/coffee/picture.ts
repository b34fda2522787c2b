import pLimit from 'p-limit';
import type { Image } from '#skill';
import { HEIGHT, pictureSvg, WIDTH } from './picture-svg.ts';
import { runInWorker } from './run-in-worker.ts';
import type { Attendee, PairCount } from './text-chart.ts';

/** With more people, labels overlap. */
const MAX_PEOPLE = 60;
/** Limit of the JavaScript heap, in addition to native memory. */
const HEAP_MB = 64;

type Render = (svg: string, signal: AbortSignal) => Promise<Uint8Array>;

const renderInWorker: Render = (svg, signal) => runInWorker('./render-thread.ts', svg, { heapMb: HEAP_MB, signal });

/** One picture at a time: each costs up to a second of a core, and some 12 MB. */
const inTurn = pLimit(1);

/**
 * People on a circle, with a line between any two who have met: darker and wider for more often. Undefined for fewer than 3
 * or more than 60 people. Takes about 0.1 s in a thread of its own, one picture after another. Rejects as soon as the signal
 * aborts, though a picture that is being rendered then keeps its turn until its thread has ended.
 */
export async function drawPicture(
  people: readonly Attendee[],
  met: readonly PairCount[],
  signal: AbortSignal,
  render = renderInWorker,
): Promise<Image | undefined> {
  if (people.length < 3 || people.length > MAX_PEOPLE) return undefined;
  const ids = new Set(people.map(({ id }) => id));
  const known = met.filter(({ one, other }) => ids.has(one) && ids.has(other));
  const svg = pictureSvg(people, known);
  signal.throwIfAborted();
  const rendered = inTurn(async () => {
    signal.throwIfAborted();
    return render(svg, signal);
  });
  const aborted = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
  const png = await Promise.race([rendered, aborted.promise]);
  const alt = `Who has met whom: ${known.length} of ${(people.length * (people.length - 1)) / 2} pairs of ${people.length} people`;
  return { png: Buffer.from(png).toString('base64'), width: WIDTH, height: HEIGHT, alt };
}
