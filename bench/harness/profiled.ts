// Loaded into the profiled program (`--import`). From SIGUSR2 on it samples the processor and times each SQL statement; at
// the end it writes both beside each other.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import pg from 'pg';
import type { Statement } from './profile.ts';

const directory = process.env['PROFILE_DIRECTORY'] ?? '.';
const statements: Statement[] = [];
const KEPT = 400_000;
let on = false;

type AnyQuery = (this: pg.Client, ...given: unknown[]) => unknown;
const prototype = pg.Client.prototype as unknown as { query: AnyQuery };
const { query } = prototype;
prototype.query = function timed(...given) {
  if (!on) return query.apply(this, given);
  const [first] = given;
  const text = typeof first === 'string' ? first : ((first as { text?: string } | undefined)?.text ?? '?');
  const atMs = performance.now();
  const count = (): void => {
    if (statements.length < KEPT) statements.push({ text, atMs, ms: performance.now() - atMs });
  };
  const done = given.at(-1);
  if (typeof done === 'function') {
    const told = [
      ...given.slice(0, -1),
      (...answer: unknown[]): unknown => (count(), Reflect.apply(done, undefined, answer)),
    ];
    return query.apply(this, told);
  }
  const answer = query.apply(this, given);
  if (answer instanceof Promise) answer.then(count, count);
  return answer;
};

const session = new Session();
process.once('SIGUSR2', () => {
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: 500 });
  session.post('Profiler.start');
  on = true;
});
process.on('exit', () => {
  if (!on) return;
  session.post('Profiler.stop', (_, result) => {
    writeFileSync(join(directory, 'processor.json'), JSON.stringify(result.profile));
  });
  writeFileSync(join(directory, 'statements.json'), JSON.stringify(statements));
});
