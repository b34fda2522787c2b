import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';

/** A skill of a team: TypeScript, outside this repository, with options, a table and a webhook of its own. */
const TEA = `
import { defineSkill, z, type Webhook } from '#skill';
import { kettle } from './kettle.ts';
const options = z.object({ word: z.string() });
const brew: Webhook<z.infer<typeof options>> = {
  verify: () => ({ bearer: [{ file: 'token' }] }),
  sources: () => ['default'],
  async run(calls) {
    for (const { context } of calls) {
      await context.sql('insert into tea_cups (word) values ($1)', [context.options.word]);
      await context.say('ops', kettle(context.options.word));
    }
  },
};
export default defineSkill({ name: 'tea', options, webhooks: { brew } });
`;

let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let client: pg.Client;

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-skills-'));
  await put('secrets/token', 'secret\n');
  await put('team/tea/index.ts', TEA);
  await put('team/tea/kettle.ts', 'export const kettle = (word: string): string => `tea: ${word}`;');
  await put('team/tea/migrations/001-cups.sql', 'create table tea_cups (word text not null)');
  await put('team/broken/index.ts', `throw new Error('no kettle');`);
  await put(
    'watchbell.yaml',
    JSON.stringify({
      connectors: { web: {} },
      rooms: { ops: { in: { web: 'ops' } } },
      skillDirectories: ['team'],
      skills: { tea: { word: 'green' } },
    }),
  );
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  bell = new ProgramProcess({
    config: join(directory, 'watchbell.yaml'),
    secrets: join(directory, 'secrets'),
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
    logFile: join(directory, 'log'),
  });
  await bell.start();
}, 60_000);
afterAll(async () => {
  await bell.stop();
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

test('a skill outside this repository runs as it is, with its options and its table', async () => {
  const response = await fetch(`${bell.url}/webhooks/brew`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret' },
    body: '{}',
  });
  expect(response.status).toBe(200);
  let shown: string[] = [];
  while (shown.length === 0) {
    const { rows } = await client.query<{ content: string }>(`select content from messages where skill = 'tea'`);
    shown = rows.map((row) => (JSON.parse(row.content) as { text: string }).text);
  }
  expect(shown).toEqual(['tea: green']);
  expect((await client.query('select word from tea_cups')).rows).toEqual([{ word: 'green' }]);
});

test('a broken skill beside it is named in the log with file and reason, and takes nothing down', async () => {
  const lines = (await readFile(join(directory, 'log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('no kettle'));
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { file: join(directory, 'team', 'broken', 'index.ts'), reason: 'no kettle', msg: 'skill could not be loaded' },
  ]);
  expect((await fetch(`${bell.opsUrl}/readyz`)).status).toBe(200);
  expect(bell.failures).toEqual([]);
});
