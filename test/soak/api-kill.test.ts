import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { CrashPoint } from '../../src/crash-points.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';

const CI = 'a-token-that-is-long-enough';
const CRASH_POINTS: readonly CrashPoint[] = [
  'accept.before-commit',
  'accept.after-commit',
  'handle.before-commit',
  'handle.after-commit',
];

let directory: string;
let database: TestDatabase;
let bells: readonly ProgramProcess[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-api-'));
  await mkdir(join(directory, 'secrets'));
  await writeFile(join(directory, 'secrets/ci'), CI);
  database = await createDatabase();
  const config = {
    connectors: { memory: {} },
    rooms: Object.fromEntries(CRASH_POINTS.map((_, at) => [`room${at}`, { in: { memory: `room${at}` } }])),
    api: { tokens: { ci: { token: { file: 'ci' }, commands: ['*'] } } },
    skills: { alerts: false, coffee: false },
  };
  await writeFile(join(directory, 'watchbell.yaml'), JSON.stringify(config));
  const create = async (): Promise<ProgramProcess> =>
    new ProgramProcess({
      config: join(directory, 'watchbell.yaml'),
      secrets: join(directory, 'secrets'),
      databaseUrl: database.url,
      port: await freePort(),
      opsPort: await freePort(),
    });
  bells = [await create(), await create()];
  await Promise.all(bells.map((bell) => bell.start()));
});
afterAll(async () => {
  await Promise.all(bells.map((bell) => bell.kill()));
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** Undefined: the replica died, or has no answer yet. */
async function say(bell: ProgramProcess, key: string, words: string, room: string): Promise<unknown> {
  try {
    const response = await fetch(`${bell.url}/api/v1/commands`, {
      method: 'POST',
      headers: { authorization: `Bearer ${CI}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ say: words, room }),
    });
    const body: unknown = await response.json();
    return response.headers.get('content-type')?.includes('problem') ? undefined : { status: response.status, body };
  } catch {
    return undefined;
  }
}

async function untilAnswered(bell: ProgramProcess, key: string, words: string, room: string): Promise<unknown> {
  for (const end = performance.now() + 40_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const answer = await say(bell, key, words, room);
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`no answer for ${key}`);
  }
}

test('killed at any step, a command runs once, and each replica gives the same answer', async () => {
  const [one, other] = bells as [ProgramProcess, ProgramProcess];
  for (const [at, crashPoint] of CRASH_POINTS.entries()) {
    const [room, words] = [`room${at}`, 'count to 9000'];
    one.order({ crashAt: { crashPoint, nth: 1 } });
    // Timers of earlier counts may also pass the crash point, and then kill the program.
    await Promise.race([say(one, crashPoint, words, room), one.gone()]);
    const [answer, ...more] = await Promise.all([
      untilAnswered(other, crashPoint, words, room),
      one.start().then(() => untilAnswered(one, crashPoint, words, room)),
      untilAnswered(other, crashPoint, words, room),
    ]);
    expect({ crashPoint, answer }).toEqual({
      crashPoint,
      answer: { status: 200, body: { outcome: 'ok', message: null } },
    });
    expect(more).toEqual([answer, answer]);
  }
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('select text, result, account, count(*)::int from audit group by 1, 2, 3');
  const { rows: counts } = await client.query('select count(*)::int from countdowns');
  await client.end();
  expect(rows).toEqual([{ text: 'count to 9000', result: 'ok', account: 'token:ci', count: CRASH_POINTS.length }]);
  expect(counts).toEqual([{ count: CRASH_POINTS.length }]);
  expect(one.deaths).toBe(CRASH_POINTS.length);
}, 180_000);
