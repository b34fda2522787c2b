import { drawableName } from './drawable-name.ts';
import type { Attendee, PairCount } from './text-chart.ts';

/** Pixels. */
export const WIDTH = 960;
export const HEIGHT = 800;

const BACKGROUND = '#fdf9f3';
const TEXT = '#3e2719';
/** Lines of people who met once, twice, more often. */
const LINES = [
  { colour: '#cfa87c', width: 1.4, label: 'once' },
  { colour: '#b0743f', width: 2.2, label: 'twice' },
  { colour: '#6b3413', width: 3.2, label: '3 times or more' },
];
const CENTRE = { x: WIDTH / 2, y: HEIGHT / 2 - 22 };
/** Up to this many names are horizontal. More would overlap, so they point away from the centre. */
const MAX_HORIZONTAL = 16;

/** Up to this many lines are antialiased: 731 make a PNG of 535 kB with antialiasing, and 202 kB without. */
const MAX_SMOOTH = 100;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The SVG document of who has met whom. Names are untrusted; everything else is generated here. */
export function pictureSvg(people: readonly Attendee[], met: readonly PairCount[]): string {
  const sorted = people.toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
  const isDense = sorted.length > MAX_HORIZONTAL;
  const radius = isDense ? 225 : 270;
  const angleOf = new Map(sorted.map(({ id }, at) => [id, (at / sorted.length) * 2 * Math.PI - Math.PI / 2]));
  // Hundreds of lines at full width would cover one another.
  const scale = Math.min(1, 14 / Math.sqrt(met.length + 1));
  const lines = met
    .toSorted((a, b) => a.times - b.times)
    .map(({ one, other, times }) => {
      const [from, to] = [pointAt(angleOf.get(one) ?? 0, radius), pointAt(angleOf.get(other) ?? 0, radius)];
      return curve(from, to, times, scale);
    });
  const labels = sorted.map(({ id, name }) => {
    const angle = angleOf.get(id) ?? 0;
    const { x, y } = pointAt(angle, radius);
    const dot = `<circle cx="${round(x)}" cy="${round(y)}" r="${isDense ? 5 : 7}" fill="${TEXT}" stroke="${BACKGROUND}" stroke-width="2"/>`;
    return dot + (isDense ? radialLabel(angle, radius, name) : horizontalLabel(angle, radius, name));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="Noto Sans" fill="${TEXT}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${BACKGROUND}"/>`,
    `<g fill="none" stroke-linecap="round" shape-rendering="${met.length > MAX_SMOOTH ? 'crispEdges' : 'auto'}">`,
    ...lines,
    '</g>',
    ...labels,
    legend(),
    '</svg>',
  ].join('\n');
}

function pointAt(angle: number, radius: number): Point {
  return { x: CENTRE.x + radius * Math.cos(angle), y: CENTRE.y + radius * Math.sin(angle) };
}

/** Bent towards the centre, so that lines between neighbours do not run into their dots. */
function curve(from: Point, to: Point, times: number, scale: number): string {
  const bend = (axis: 'x' | 'y'): number => CENTRE[axis] + ((from[axis] + to[axis]) / 2 - CENTRE[axis]) * 0.45;
  const path = `M${round(from.x)} ${round(from.y)}Q${round(bend('x'))} ${round(bend('y'))} ${round(to.x)} ${round(to.y)}`;
  const { colour, width } = LINES[Math.min(times, LINES.length) - 1] ?? { colour: TEXT, width: 1 };
  return `<path d="${path}" stroke="${colour}" stroke-width="${round(width * scale)}"/>`;
}

function horizontalLabel(angle: number, radius: number, name: string): string {
  const { x, y } = pointAt(angle, radius + 17);
  const side = Math.cos(angle);
  const anchor = Math.abs(side) < 0.1 ? 'middle' : side > 0 ? 'start' : 'end';
  // The baseline is below the middle of the letters.
  const down = 6 + Math.sin(angle) * 6;
  return `<text x="${round(x)}" y="${round(y + down)}" font-size="18" text-anchor="${anchor}">${drawableName(name)}</text>`;
}

function radialLabel(angle: number, radius: number, name: string): string {
  const { x, y } = pointAt(angle, radius + 12);
  const isLeft = Math.cos(angle) < -1e-9;
  const degrees = (angle * 180) / Math.PI + (isLeft ? 180 : 0);
  const turned = `translate(${round(x)} ${round(y)}) rotate(${round(degrees)})`;
  return `<text transform="${turned}" y="5" font-size="14" text-anchor="${isLeft ? 'end' : 'start'}">${drawableName(name)}</text>`;
}

function legend(): string {
  const [y, step] = [HEIGHT - 26, 112];
  const first = WIDTH / 2 - 170;
  const entries = LINES.map(({ colour, width, label }, at) => {
    const x = first + at * step;
    const line = `<path d="M${x} ${y}h30" stroke="${colour}" stroke-width="${width}" stroke-linecap="round"/>`;
    return `${line}<text x="${x + 40}" y="${y + 5}">${label}</text>`;
  });
  return `<g font-size="15"><text x="${first - 16}" y="${y + 5}" text-anchor="end">Met</text>${entries.join('')}</g>`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
