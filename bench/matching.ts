import { CommandIndex } from '../src/commands/command-index.ts';
import type { Command } from '../src/skill.ts';
import type { Bench, Row } from './harness/bench.ts';
import { percentile, short } from './harness/numbers.ts';

const PER_SECOND = 50_000;
const FLAT = 0.5;
const SIZES = [1, 10, 100, 1000];
/** Reference values, measured earlier, with 1 and with 1,000 commands. */
const PEERS = new Map([
  [1, 'opsdroid 24,335/s, Hubot 122,000/s (measured earlier)'],
  [1000, 'opsdroid 10.6/s, Hubot 2,100/s (measured earlier)'],
]);
const SHAPES = ['{n:int}', '{app} [to {where:prod|test}]', '{ids:ids?} [for {for:duration}] {note...?}', ''];

/** An index of `size` commands, in the forms that skills use; the last one takes ids, so that `ack12` matches. */
function indexOf(size: number): { index: CommandIndex; lines: Readonly<Record<string, string>> } {
  const command: Command<unknown> = { help: 'does it', run: () => undefined };
  const patterns = Array.from({ length: size - 1 }, (_, n) =>
    `verb${letters(n)} thing${letters(n % 7)} ${SHAPES[n % SHAPES.length]}`.trim(),
  );
  const commands = Object.fromEntries(
    [...patterns, 'ack {ids:ids?} [for {for:duration}] {note...?}'].map((pattern) => [pattern, command]),
  );
  return {
    index: new CommandIndex([{ name: 'bench', commands }]),
    lines: {
      hit: 'ack 12 for 2h looking at it',
      miss: 'somebody deployed the payments service again today',
      glued: 'ack12',
    },
  };
}

function letters(n: number): string {
  return n < 26 ? String.fromCharCode(97 + n) : letters(Math.floor(n / 26) - 1) + letters(n % 26);
}

/** Measured in CPU time of this process, so that other load on the machine does not count. */
function perSecond(index: CommandIndex, line: string, ms: number): number {
  const begunMs = usedMs();
  let count = 0;
  let found = 0;
  while (usedMs() - begunMs < ms) {
    for (let turn = 0; turn < 500; turn++) if (index.find(line).found === 'command') found++;
    count += 500;
  }
  if (found !== 0 && found !== count) throw new Error('a pure function returned different results for the same input');
  return (count * 1000) / (usedMs() - begunMs);
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Finding the command in a line, a pure function: its cost must not grow with the number of commands. */
export const matching: Bench = (stage) => {
  const [rounds, ms] = stage.quick ? [2, 60] : [7, 200];
  const indexes = SIZES.map((size) => ({ size, ...indexOf(size) }));
  const rates = new Map<string, number[]>();
  for (let round = -1; round < rounds; round++) {
    for (const { size, index, lines } of indexes) {
      for (const [kind, line] of Object.entries(lines)) {
        const rate = perSecond(index, line, ms);
        if (round >= 0) rates.set(`${size} ${kind}`, [...(rates.get(`${size} ${kind}`) ?? []), rate]);
      }
    }
  }
  const rate = (size: number, kind: string): number => percentile(rates.get(`${size} ${kind}`) ?? [], 0.5);
  const kinds = Object.keys(indexes[0]?.lines ?? {});
  const rows: Row[] = SIZES.map((size) => {
    const slowest = Math.min(...kinds.map((kind) => rate(size, kind)));
    return {
      benchmark: `matching: ${kinds.join(' / ')} among ${short(size)} commands`.replace('.00', '').replace('.0', ''),
      ours: `${kinds.map((kind) => short(rate(size, kind))).join(' / ')} per s`,
      peer: PEERS.get(size) ?? '',
      ratio: '',
      target: `≥ ${PER_SECOND.toLocaleString('en-US')}/s`,
      met: slowest >= PER_SECOND,
    };
  });
  const flatness = Math.min(...kinds.map((kind) => rate(1000, kind) / rate(1, kind)));
  const flat = {
    benchmark: 'matching: 1,000 commands compared with 1',
    ours: `${short(flatness)} × the speed`,
    peer: 'opsdroid 0.0004, Hubot 0.017 (measured earlier)',
  };
  rows.push({ ...flat, ratio: short(flatness), target: `flat: ≥ ${FLAT}`, met: flatness >= FLAT });
  return Promise.resolve({ rows });
};
