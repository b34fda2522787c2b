import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import countdown from '../../skills/countdown/index.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { runCli, type CliResult } from '../harness/cli.ts';

let bot: TestBot;
let directory: string;
const watchbell = (...args: string[]): Promise<CliResult> =>
  runCli(args, { config: join(directory, 'watchbell.yaml'), secrets: directory, databaseUrl: bot.databaseUrl });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watchbell-cli-api-'));
  const rooms = { lobby: { in: { memory: 'lobby' } } };
  const people = { ann: { name: 'Ann \u001b[31mred', accounts: { memory: '@ann:test' } } };
  const skills = { alerts: false, coffee: false };
  await writeFile(
    join(directory, 'watchbell.yaml'),
    JSON.stringify({ connectors: { memory: {} }, rooms, people, skills }),
  );
  bot = await startTestBot({
    skills: [countdown],
    migrations: { countdown: join(import.meta.dirname, '../../skills/countdown/migrations') },
    config: { rooms, people },
  });
});
afterAll(async () => {
  await bot.stop();
  await rm(directory, { recursive: true, force: true });
});

test('`do` runs commands through the running bot, and `get` reads the result', async () => {
  expect(await watchbell('get', 'countdown', 'running')).toEqual({ status: 0, output: 'none' });
  expect(await watchbell('do', 'count to 5000')).toEqual({
    status: 1,
    output: 'That posts in a room: set room to its name.',
  });
  expect((await watchbell('do', 'count', 'to', '5000', '--room', 'lobby')).status).toBe(0);
  const { output } = await watchbell('get', 'countdown', 'running');
  expect(output).toMatch(/^room +down +length +at +ends +by\nlobby +false +5000 +\S+ +\S+ +cli:\S+$/);
  const json = await watchbell('get', 'countdown', 'running', 'limit=1', '--json');
  expect(JSON.parse(json.output)).toMatchObject({ items: [{ room: 'lobby', length: 5000 }] });
  expect(await watchbell('do', 'stop', '--room', 'lobby', '--json')).toMatchObject({
    status: 0,
    output: expect.stringContaining('"outcome": "cancelled"'),
  });
  const { output: audit } = await watchbell('get', 'core', 'audit', 'limit=1');
  expect(audit).toMatch(/cli:\S+ +lobby +countdown +stop +stop +cancelled/);
});

test('external text cannot control the terminal', async () => {
  expect((await watchbell('get', 'core', 'people')).output).not.toContain('\u001b');
});

test.each([
  [['get', 'countdown', 'nothing'], 'the skill countdown has no query "nothing"; queries: running'],
  [['get', 'nothing', 'open'], 'there is no skill "nothing"; skills: core, countdown'],
  [['get', 'countdown', 'running', 'limit'], '"limit" is not key=value, such as limit=10'],
  [['get', 'countdown', 'running', 'limit=0'], 'limit: '],
  [['do', 'stop', '--room', 'cellar'], 'There is no room "cellar"; rooms: lobby'],
])('%j is rejected with the problem', async (args, message) => {
  expect(await watchbell(...args)).toEqual({ status: 2, output: expect.stringContaining(message) });
});
