/** A replica that is killed while it links an account. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

let directory: string;
let database: TestDatabase;
let bell: ProgramProcess;
let client: pg.Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-link-'));
  await mkdir(join(directory, 'secrets'));
  await writeFile(join(directory, 'secrets/token'), 'unused');
  const config = join(directory, 'watchbell.yaml');
  const person = (account: string) => ({ accounts: { web: account } });
  await writeFile(
    config,
    JSON.stringify({
      // Nothing listens on that port: the test inserts all events into the database.
      connectors: { web: {}, acme: { type: 'lines', port: await freePort(), token: { file: 'token' } } },
      people: { ann: person('ann'), bob: person('bob') },
    }),
  );
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  bell = new ProgramProcess({
    ...{ config, secrets: join(directory, 'secrets'), databaseUrl: database.url },
    ...{ port: await freePort(), opsPort: await freePort() },
  });
  await bell.start();
}, 60_000);
afterAll(async () => {
  await bell.stop();
  await client.end();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

/** A direct message, as if a connector had accepted it. */
async function accepted(connector: string, account: string, text: string): Promise<void> {
  const sender = { accountId: account, name: account, bot: false, guest: false };
  const payload = { type: 'message', id: text, room: account, direct: true, sender, text, mentionsBot: false };
  await client.query(
    `insert into events (source, source_id, lane, kind, payload, happened_at) values ($1, $2, $1 || ':' || $3, 'message', $4, now())`,
    [connector, `${account} ${text}`, account, JSON.stringify(payload)],
  );
}

const count = async (from: string, ...parameters: string[]): Promise<number> =>
  (await client.query<{ count: number }>(`select count(*)::int as count from ${from}`, parameters)).rows[0]?.count ?? 0;
const handled = (): Promise<void> => until(async () => (await count(`events where state = 'new'`)) === 0);

test.each([
  ['handle.before-commit', 'ann', 0],
  ['handle.after-commit', 'bob', 1],
] as const)(
  'killed at %s, an account is linked once and answered once',
  async (crashPoint, person, linked) => {
    await accepted('web', person, 'link');
    await handled();
    const { rows } = await client.query<{ content: string }>('select content from messages where room = $1', [person]);
    const code = /link (\w{4}-\w{4})/.exec(rows[0]?.content ?? '')?.[1] ?? '';
    expect(code).toMatch(/-/);
    bell.order({ crashAt: { crashPoint, nth: 1 } });
    await accepted('acme', `U-${person}`, `link ${code}`);
    await bell.gone();
    expect(await count('linked_accounts where person = $1', person)).toBe(linked);
    await bell.start();
    await handled();
    expect(await count('linked_accounts where person = $1 and account = $2', person, `U-${person}`)).toBe(1);
    expect(await count(`messages where connector = 'acme' and room = $1`, `U-${person}`)).toBe(1);
    expect(await count(`audit where account = $1 and result = 'ok'`, `U-${person}`)).toBe(1);
  },
  60_000,
);
