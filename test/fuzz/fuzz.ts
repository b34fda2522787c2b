import fc from 'fast-check';
import type { Target } from './targets.ts';

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  /** An input that takes longer could be used for a denial of service. */
  readonly mostMs: number;
}

export interface Finding {
  readonly target: string;
  readonly what: string;
  /** Start of the input, as JSON. */
  readonly input: string;
}

/** Enough findings to investigate; more would be similar. */
const MOST_FINDINGS = 20;

/**
 * Runs a target over generated inputs, in order; returns what threw or took too long, and how many inputs were run. The
 * same seed gives the same inputs.
 */
export async function fuzz(
  target: Target,
  { runs, seed, mostMs }: FuzzOptions,
): Promise<{ readonly findings: readonly Finding[]; readonly ran: number }> {
  const findings: Finding[] = [];
  let ran = 0;
  // Sampled in chunks: all inputs at once would be most of the measured memory.
  const PIECE = 500;
  for (let from = 0; from < runs && findings.length < MOST_FINDINGS; from += PIECE) {
    for (const input of fc.sample(target.input, { numRuns: Math.min(PIECE, runs - from), seed: seed + from })) {
      ran++;
      const what = await problemOf(target, input, mostMs);
      if (what !== undefined) findings.push({ target: target.name, what, input: JSON.stringify(input).slice(0, 300) });
    }
  }
  return { findings, ran };
}

async function problemOf(target: Target, input: string, mostMs: number): Promise<string | undefined> {
  let best = Infinity;
  // CPU time, because other programs are running too; a slow input is slow again, a garbage collection is not.
  for (let attempt = 0; attempt < 5 && best > mostMs; attempt++) {
    const begun = process.cpuUsage();
    try {
      await target.run(input);
    } catch (error) {
      const cause = error instanceof Error && error.cause ? ` (${String(error.cause)})` : '';
      return `threw ${JSON.stringify(`${String(error)}${cause}`).slice(0, 200)}`;
    }
    const { user, system } = process.cpuUsage(begun);
    best = Math.min(best, (user + system) / 1000);
  }
  return best > mostMs ? `took ${best.toFixed(0)} ms` : undefined;
}
