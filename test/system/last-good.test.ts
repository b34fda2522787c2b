import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeGeneration } from '../../src/config/generations.ts';
import { runCli, type CliResult } from '../harness/cli.ts';
import { openDatabase, type OpenDatabase } from '../harness/database.ts';

const GOOD = {
  connectors: { web: {} },
  rooms: { ops: { in: { web: 'ops' } }, random: { in: { web: 'random' } } },
  people: { ann: { accounts: { web: 'ann' } } },
  skills: { alerts: false, coffee: { rounds: { random: { room: 'random', every: 'Mon 10:00' } } } },
};
let directory: string;
let home: OpenDatabase;
/** Like a mount of the chart: its own file, the operators', and a team's. */
const config = (): string => join(directory, 'config');
const watchbell = (...args: string[]): Promise<CliResult> =>
  runCli(args, { config: config(), secrets: join(directory, 'secrets'), databaseUrl: '' });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-last-good-'));
  home = await openDatabase();
  for (const part of ['config', 'secrets']) await mkdir(join(directory, part));
  await writeFile(join(directory, 'secrets/elsewhere'), home.url);
  await writeFile(join(config(), 'chart.yaml'), 'database: { url: { file: elsewhere } }\n');
  await writeFile(join(config(), 'watchbell.yaml'), JSON.stringify(GOOD));
  await watchbell('migrate');
});
afterAll(async () => {
  await home.close();
  await rm(directory, { recursive: true, force: true });
});

const TYPO = 'rooms: { web-team: { in: { wbe: team } } }\n';
const PROBLEM = /team\.yaml:1:\d+ rooms\.web-team\.in\.wbe: .*did you mean "web"/;

test('a typo without a last good configuration stops commands that need it, but not those that only need the database', async () => {
  await writeFile(join(config(), 'team.yaml'), TYPO);
  const [say, doctor, backup] = await Promise.all([
    watchbell('say', 'ops', 'hello'),
    watchbell('doctor'),
    watchbell('backup', '--to', join(directory, 'backups')),
  ]);
  expect(say).toMatchObject({ status: 2, output: expect.stringMatching(PROBLEM) });
  expect(doctor).toMatchObject({
    status: 1,
    output: expect.stringMatching(/BAD {2}last good configuration: there is none/),
  });
  expect(backup.output).toMatch(/continuing, because this command only needs the database/);
  expect(backup).toMatchObject({ status: 0, output: expect.stringMatching(PROBLEM) });
});

describe('commands continue with the last good configuration, like the bot, and print a warning', () => {
  beforeAll(() =>
    home.database.transaction(({ query }) => storeGeneration(query, { hash: 'good', content: JSON.stringify(GOOD) })),
  );

  test.each([
    ['a typo in one part', TYPO, PROBLEM],
    ['a part that is not YAML', 'rooms: { web-team: [\n', /team\.yaml:\d+:\d+: is not YAML/],
  ])('when there is %s', async (_, text, problem) => {
    await writeFile(join(config(), 'team.yaml'), text);
    const commands = [
      [['say', 'ops', 'hello'], 'Stored for web ops'],
      [['pair', 'random', '--wait', '0'], 'Stored: the round starts as soon as a bot is running'],
      [['recover'], 'No timer is overdue'],
    ] as const;
    const results = await Promise.all(commands.map(([args]) => watchbell(...args)));
    for (const [at, [, message]] of commands.entries()) {
      expect(results[at]?.output).toContain(message);
      expect(results[at]?.output).toMatch(
        /watchbell: continuing with the last good configuration, from 20.*Z: .*has a problem:/,
      );
      expect(results[at]?.output).toMatch(problem);
      expect(results[at]?.status).toBe(0);
    }
  });

  test('doctor reports the problem, and checks the configuration that the bot runs with', async () => {
    await writeFile(join(config(), 'team.yaml'), TYPO);
    const { status, output } = await watchbell('doctor');
    expect(output).toMatch(new RegExp(`^BAD {2}configuration: .*${PROBLEM.source}`, 'm'));
    expect(output).toMatch(/^ok {3}database: Postgres/m);
    expect(output).toMatch(/^ok {3}last good configuration: of 20.*Z; /m);
    expect(output).toMatch(/^ok {3}web: nothing external to check$/m);
    expect(status).toBe(1);
  });
});

test('a probe tests the current configuration, so one with a problem is rejected', async () => {
  await writeFile(join(config(), 'team.yaml'), TYPO);
  expect(await watchbell('probe')).toMatchObject({ status: 2, output: expect.stringMatching(PROBLEM) });
});

test('if the database cannot be reached either, both problems are reported', async () => {
  await writeFile(join(config(), 'team.yaml'), TYPO);
  await writeFile(join(directory, 'secrets/elsewhere'), home.url.replace(/:\d+\//, ':1/'));
  const { status, output } = await watchbell('say', 'ops', 'hello');
  expect(output).toMatch(PROBLEM);
  expect(output).toMatch(/the last good one cannot be read: the database at 127\.0\.0\.1:1 cannot be reached/);
  expect(status).toBe(2);
});
