import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type CliResult } from '../harness/cli.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';

let directory: string;
let home: TestDatabase;
const watchbell = (args: readonly string[], databaseUrl = home.url): Promise<CliResult> =>
  runCli(args, { config: join(directory, 'watchbell.yaml'), secrets: join(directory, 'secrets'), databaseUrl });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-cli-'));
  await writeFile(
    join(directory, 'watchbell.yaml'),
    'connectors: { web: {} }\nrooms: { ops: { in: { web: ops } } }\nskills: { alerts: false }\n',
  );
  home = await createDatabase();
  await watchbell(['migrate']);
});
afterAll(async () => {
  await home.drop();
  await rm(directory, { recursive: true, force: true });
});

describe('a database that cannot be reached', () => {
  test.each([
    ['events', 'failed'],
    ['migrate'],
    ['recover'],
    ['audit', 'export'],
    ['messages', 'dead'],
    ['say', 'ops', 'x'],
  ])('is named by %s %s, with the remedy', async (...args) => {
    const port = await freePort();
    expect(await watchbell(args, `postgres://bell:hush@127.0.0.1:${port}/bell`)).toEqual({
      status: 2,
      output: `watchbell: the database at 127.0.0.1:${port} cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}; look at database.url in the configuration, and whether the server runs`,
    });
  });

  test('because it refuses the name is a sentence as well', async () => {
    const url = new URL(home.url);
    url.pathname = '/nowhere';
    expect(await watchbell(['events', 'failed'], url.href)).toEqual({
      status: 2,
      output: expect.stringMatching(
        /^watchbell: the database at 127\.0\.0\.1:\d+ cannot be reached: .*"nowhere".*; look at database\.url/,
      ),
    });
  });

  test.each([['run'], ['events', 'failed'], ['doctor']])(
    'because its address is none stops %s %s at once, and the address is not shown',
    async (...args) => {
      const { status, output } = await watchbell(args, 'hush-no-address');
      expect(output).toContain(
        'the variable DATABASE_URL holds no address of a database: write postgres://USER:PASSWORD@HOST:5432/NAME there',
      );
      expect(output).not.toContain('hush');
      expect(status).toBe(args[0] === 'doctor' ? 1 : 2);
    },
  );
});

test('a backup into what is no directory is one sentence and leaves nothing behind', async () => {
  const to = join(directory, 'watchbell.yaml', 'x');
  expect(await watchbell(['backup', '--to', to])).toEqual({
    status: 2,
    output: expect.stringMatching(
      new RegExp(`^watchbell: the backup cannot be written to ${to}: ENOTDIR.*; name a directory .* with --to$`),
    ) as string,
  });
  expect((await readdir(directory)).sort()).toEqual(['watchbell.yaml']);
});
