import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Query } from '../../src/db/database.ts';
import { cancelTask, writeKeyedTask } from '../../src/tasks/task.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

/** Brews by writing a file; a pot that waits to be cancelled writes none. */
const TEA = `
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineSkill, defineTask, NothingDone, z } from '#skill';
const said = (context, id, word) => context.sql('insert into tea (id, word) values ($1, $2)', [id, word]);
const file = (run) => join(process.env.WATCHBELL_SECRETS, '..', run.id);
const brew = defineTask({
  payload: z.object({ waits: z.boolean() }),
  result: z.string(),
  progress: z.number(),
  find: async (run) => existsSync(file(run)) ? { done: 'found' } : undefined,
  async run(run) {
    for (const percent of [30, 60, 90]) await run.report(percent);
    if (run.payload.waits) {
      writeFileSync(file(run) + '.waits', '');
      await new Promise((resolve, reject) => run.signal.addEventListener('abort', () => reject(new NothingDone('cold'))));
    }
    writeFileSync(file(run), '', { flag: 'wx' });
    return 'brewed';
  },
  report: (context, { id, progress }) => said(context, id, String(progress)),
  done: (context, outcome) => said(context, outcome.id, outcome.ok ? outcome.result : outcome.cancelled + ' ' + outcome.unknown),
});
const garden = {
  async run(service) {
    while (!service.signal.aborted) {
      const readAt = await service.now();
      for (const { leaf } of await service.read('select leaf from leaves order by leaf'))
        await service.emit('leaf', { leaf }, { id: leaf, readAt });
      await service.pause(20);
    }
  },
  events: { leaf: { payload: z.object({ leaf: z.string() }), run: (context, { leaf }) => said(context, 'garden', leaf) } },
};
export default defineSkill({ name: 'tea', options: z.object({}), tasks: { brew }, services: { garden } });
`;

let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let client: pg.Client;
const query: Query = async (text, parameters) => (await client.query(text, parameters as unknown[])).rows as never;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-tea-'));
  for (const path of ['secrets', 'team/tea/migrations']) await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, 'team/tea/index.ts'), TEA);
  await writeFile(
    join(directory, 'team/tea/migrations/001-tea.sql'),
    'create table tea (nth int generated always as identity, id text not null, word text not null); create table leaves (leaf text primary key)',
  );
  const config = join(directory, 'watchbell.yaml');
  await writeFile(config, JSON.stringify({ connectors: { web: {} }, skillDirectories: ['team'], skills: { tea: {} } }));
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  bell = new ProgramProcess({
    config,
    secrets: join(directory, 'secrets'),
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
  });
}, 60_000);
afterAll(async () => {
  await bell.stop();
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

const brew = (waits: boolean): Promise<string> => {
  const task = { id: randomUUID(), skill: 'tea', name: 'brew', key: 'pot', payload: JSON.stringify({ waits }) };
  return writeKeyedTask(query, task);
};
const words = async (id: string): Promise<string[]> =>
  (await query<{ word: string }>('select word from tea where id = $1 order by nth', [id])).map(({ word }) => word);

test.each(['task.after-claim', 'task.after-report', 'task.after-run', 'task.after-result'] as const)(
  'a task whose program is killed at %s runs once, and reports its result once, after its progress',
  async (crashPoint) => {
    if (!bell.isAlive) await bell.start();
    bell.order({ crashAt: { crashPoint, nth: 1 } });
    const id = await brew(false);
    await bell.gone();
    // Its key is in use until it ends.
    if (crashPoint !== 'task.after-result') expect(await brew(false)).toBe(id);
    await bell.start();
    await until(async () => (await words(id)).some((word) => word === 'brewed' || word === 'found'));
    const told = await words(id);
    expect(told.filter((word) => Number.isNaN(Number(word)))).toEqual([
      crashPoint === 'task.after-run' ? 'found' : 'brewed',
    ]);
    expect(['brewed', 'found']).toContain(told.at(-1));
    expect(bell.failures).toEqual([]);
  },
  60_000,
);

test('a cancelled task whose program is killed meanwhile is reported as cancelled, once', async () => {
  if (!bell.isAlive) await bell.start();
  const id = await brew(true);
  await until(async () => (await words(id)).includes('90'));
  bell.order({ crashAt: { crashPoint: 'task.after-cancel', nth: 1 } });
  expect(await cancelTask(query, 'tea', 'pot')).toMatchObject({ never_ran: false });
  await bell.gone();
  await bell.start();
  await until(async () => (await words(id)).at(-1) === 'true false');
  expect((await words(id)).filter((word) => word === 'true false')).toHaveLength(1);
}, 60_000);

test('a finding of a service is reported once, even if its program is killed after each', async () => {
  if (!bell.isAlive) await bell.start();
  for (const leaf of ['a', 'b', 'c']) {
    bell.order({ crashAt: { crashPoint: 'service.after-emit', nth: 1 } });
    await query('insert into leaves (leaf) values ($1)', [leaf]);
    await bell.gone();
    await bell.start();
  }
  await until(async () => (await words('garden')).length >= 3);
  // All are found again at each poll, so a duplicate would exist by now.
  await until(async () => (await query(`select 1 from events where state = 'new'`)).length === 0);
  expect(await words('garden')).toEqual(['a', 'b', 'c']);
}, 60_000);
