import type { Image } from '#skill';
import { Canvas, GLYPH_HEIGHT, GLYPH_WIDTH, plainCapitals, type Colour } from './canvas.ts';
import type { Charted } from './chart.ts';

const CREAM: Colour = [252, 248, 241];
const ROAST: Colour = [62, 39, 25];
/** Together once, twice, more often. */
const BREWS: readonly Colour[] = [
  [214, 178, 139],
  [176, 120, 72],
  [122, 66, 28],
];
/** More names than this would lie on each other. */
const MOST = 60;
const WIDTH = 860;
const HEIGHT = 700;
const RADIUS = 265;

interface Tie {
  readonly one: string;
  readonly other: string;
  readonly times: number;
}

/** People on a circle, and a line between any two who were together: darker and broader for more often. Undefined: too many. */
export function picture(people: readonly Charted[], met: readonly Tie[]): Image | undefined {
  if (people.length < 3 || people.length > MOST) return undefined;
  const canvas = new Canvas(WIDTH, HEIGHT, CREAM);
  const sorted = people.toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
  const places = new Map(
    sorted.map(({ id }, at) => {
      const angle = (at / sorted.length) * 2 * Math.PI - Math.PI / 2;
      return [id, [WIDTH / 2 + RADIUS * Math.cos(angle), HEIGHT / 2 + RADIUS * Math.sin(angle)] as const];
    }),
  );
  const known = met.filter(({ one, other }) => places.has(one) && places.has(other));
  for (const { one, other, times } of known.toSorted((a, b) => a.times - b.times)) {
    const [from, to] = [places.get(one), places.get(other)];
    const brew = Math.min(times, BREWS.length) - 1;
    if (from && to) canvas.line(from, to, 1.2 + brew * 0.9, BREWS[brew] ?? ROAST);
  }
  const size = sorted.length > 36 ? 1 : 2;
  for (const { id, name } of sorted) {
    const [x, y] = places.get(id) ?? [0, 0];
    canvas.disc(x, y, 3 + size * 1.5, ROAST);
    label(canvas, x, y, size === 1 ? name.slice(0, 6) : name, size);
  }
  const png = canvas.png().toString('base64');
  const alt = `Who has met whom: ${known.length} of ${(people.length * (people.length - 1)) / 2} pairs of ${people.length} people`;
  return { png, width: WIDTH, height: HEIGHT, alt };
}

/** Outside the circle, beside the dot. */
function label(canvas: Canvas, x: number, y: number, name: string, size: number): void {
  const text = plainCapitals(name.replace(/^@|:.*$/g, '')).slice(0, 11);
  const width = text.length * GLYPH_WIDTH * size;
  const [right, down] = [(x - WIDTH / 2) / RADIUS, (y - HEIGHT / 2) / RADIUS];
  const left = x + right * 14 - width * (0.5 - Math.max(-0.5, Math.min(0.5, right * 2)));
  canvas.text(left, y + down * 18 - (GLYPH_HEIGHT * size) / 2, text, size, ROAST);
}
