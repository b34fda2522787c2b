import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineTask, NothingDone, z } from '#skill';
import type { ProbeOptions } from './index.ts';

const payload = z.object({ key: z.string(), room: z.string(), waits: z.boolean() });
export type Job = z.output<typeof payload>;

const result = z.object({ how: z.enum(['made', 'found']), attempt: z.number() });
const progress = z.object({ attempt: z.number(), step: z.number() });

/** Reports three times and writes a file in the effects directory; a waiting one is meant to be cancelled, and writes none. */
export const job = defineTask<ProbeOptions, Job, z.output<typeof result>, z.output<typeof progress>>({
  ...{ payload, result, progress },
  timeoutMs: 300_000,
  slots: { pool: 'jobs', size: 8 },
  find: async ({ id, attempt, options }) =>
    existsSync(join(options.outbox, id)) ? { done: { how: 'found', attempt } } : undefined,
  async run({ id, attempt, payload: { waits }, options, signal, report }) {
    for (const step of [1, 2, 3]) await report({ attempt, step });
    if (waits) await cancelled(signal);
    await writeFile(join(options.outbox, id), '', { flag: 'wx' });
    return { how: 'made', attempt };
  },
  report: async ({ sql }, { id, progress: { attempt, step } }) =>
    void (await sql('insert into probe_reports (task, attempt, step) values ($1, $2, $3)', [id, attempt, step])),
  async done({ sql, say, file }, outcome) {
    const { key, room } = outcome.payload;
    const word = outcome.ok
      ? outcome.result.how
      : outcome.unknown
        ? 'unknown'
        : outcome.cancelled
          ? 'cancelled'
          : 'failed';
    await sql('insert into probe_ends (task, key, outcome, attempt, reason) values ($1, $2, $3, $4, $5)', [
      ...[outcome.id, key, word],
      ...(outcome.ok ? [outcome.result.attempt, null] : [null, outcome.reason]),
    ]);
    const bytes = new TextEncoder().encode(`what ${key} has made`);
    const files = outcome.ok ? [await file({ name: `${key}.txt`, mediaType: 'text/plain', bytes })] : [];
    await say(room, { text: `job ${key} ${word}`, files });
  },
});

function cancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new NothingDone('it waited to be cancelled'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
