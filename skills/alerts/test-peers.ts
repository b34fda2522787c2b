import type { Report } from './notification.ts';

export const DAY = Date.UTC(2026, 0, 5);

/** `F1` is firing, `R1` resolved, of the first episode. */
export type Line = `${'F' | 'R'}${number}`;
/** A report by one of the peers. */
export interface PeerReport {
  readonly peer: string;
  readonly line: Line;
}
export interface Times {
  readonly starts: 'the same' | 'new';
  /** differ: the second peer sees each change two seconds after the first. */
  readonly peers: 'agree' | 'differ';
}

export const TIMES = (['the same', 'new'] as const).flatMap((starts) =>
  (['agree', 'differ'] as const).map((peers): Times => ({ starts, peers })),
);

export const lines = (text: string): Line[] => text.split(' ') as Line[];

function* interleaved(a: readonly PeerReport[], b: readonly PeerReport[]): Generator<PeerReport[]> {
  const [[first, ...a1], [other, ...b1]] = [a, b];
  if (first) for (const rest of interleaved(a1, b)) yield [first, ...rest];
  if (other) for (const rest of interleaved(a, b1)) yield [other, ...rest];
  if (!first && !other) yield [];
}

/** Every order of two peers' reports that keeps each peer's own order. */
export const twoPeers = (a: string, b: string): PeerReport[][] => [
  ...interleaved(
    lines(a).map((line) => ({ peer: 'a', line })),
    lines(b).map((line) => ({ peer: 'b', line })),
  ),
];

export const isEnd = ({ line }: PeerReport): boolean => line.startsWith('R');

/** An episode lasts five minutes, and the next one begins five minutes after it. */
export function reportOf({ peer, line }: PeerReport, { starts, peers }: Times): Report & { readonly startsAt: Date } {
  const nth = Number(line.slice(1)) - 1;
  const begin = DAY + (starts === 'new' ? nth * 600_000 : 0);
  const late = peers === 'differ' && peer !== 'a' ? 2000 : 0;
  return {
    ...{ fingerprint: 'f', labels: {}, annotations: {}, generatorUrl: null },
    status: line.startsWith('R') ? 'resolved' : 'firing',
    startsAt: new Date(begin + late),
    endsAt: line.startsWith('R') ? new Date(DAY + nth * 600_000 + 300_000 + late) : null,
  };
}
