import { defineSkill, z, type Fate } from '../../src/skill.ts';
import { RateLimited } from '../../src/connectors/connector.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';
import { signIn } from '../harness/web-session.ts';

const fates: Fate[] = [];
const later = defineSkill({
  name: 'later',
  commands: {
    // Five lines, the n-th due after n minutes and worth saying for half a minute.
    plan: {
      help: 'says things later',
      run: async ({ post, room, now }) => {
        for (let n = 1; n <= 5; n++)
          await post(room, `line:${n}`, `line ${n}`, {
            notBefore: new Date(now.getTime() + n * 60_000),
            until: new Date(now.getTime() + n * 60_000 + 30_000),
            notify: 'lost',
          });
      },
    },
    'change {n:int}': {
      help: 'changes a line',
      run: ({ post, room, args, now }) =>
        post(room, `line:${args['n']}`, `line ${args['n']}, changed`, { notBefore: new Date(now.getTime() + 60_000) }),
    },
    'take back {n:int}': {
      help: 'takes a line back',
      run: ({ remove, room, args }) => remove(room, `line:${args['n']}`),
    },
    hello: { help: 'answers', run: () => 'hello' },
    'state {n:int}': {
      help: 'tells the state of a line',
      run: async ({ shown, room, args }) => (await shown(room, `line:${args['n']}`))?.state ?? 'none',
    },
  },
  options: z.object({}),
  fate: (_, fate) => void fates.push(fate),
});

let bot: TestBot;
beforeEach(async () => {
  fates.length = 0;
  bot = await startTestBot({ skills: [later] });
});
afterEach(() => bot.stop());

const lines = (): string[] => bot.texts().filter((text) => text.startsWith('line'));

test('what is to be sent later is sent then, and what is said meanwhile does not wait for it', async () => {
  await bot.say('plan');
  expect(lines()).toEqual([]);
  expect(await bot.say('state 1')).toEqual(['waiting']);
  expect(await bot.say('hello')).toEqual(['hello']);
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1']);
  expect(await bot.say('state 1')).toEqual(['shown']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1', 'line 2']);
  expect(fates).toEqual([]);
});

test('what is not sent yet can be changed and taken back', async () => {
  await bot.say('plan');
  await bot.say('change 1');
  await bot.say('take back 2');
  await bot.advance(61_000);
  expect(lines()).toEqual(['line 1, changed']);
  await bot.advance(60_000);
  expect(lines()).toEqual(['line 1, changed']);
});

test('what is too late is dropped at once, and its skill hears of the last', async () => {
  await bot.say('plan');
  await bot.advance(4.1 * 60_000);
  expect(lines()).toEqual(['line 4']);
  expect(fates).toMatchObject([{ key: 'line:3', state: 'dropped', everyMs: null }]);
  expect(await bot.say('state 3')).toEqual(['dropped']);
});

test('where a platform takes messages more slowly the fate says how slowly', async () => {
  let refused = 0;
  bot.platform.before = (operation) => {
    if (!JSON.stringify(operation).includes('line')) return;
    refused++;
    throw new RateLimited('room', 700);
  };
  await bot.say('plan');
  const due = bot.advance(61_000);
  while (refused === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await bot.advance(31_000);
  await due;
  expect(fates).toMatchObject([{ key: 'line:1', state: 'dropped', everyMs: 700 }]);
});

const board = { connector: 'web', room: 'board' };
const planner = defineSkill({
  name: 'planner',
  options: z.object({}),
  commands: {
    board: {
      help: 'says one thing soon and one now',
      run: async ({ post, say, now }) => {
        await post(board, 'soon', 'soon', { notBefore: new Date(now.getTime() + 60_000) });
        await say(board, 'now');
      },
    },
    'soon {ms:int}': {
      help: 'says one thing then',
      run: ({ post, args, now }) =>
        post(board, 'soon', 'soon', { notBefore: new Date(now.getTime() + Number(args['ms'])) }),
    },
  },
});
const startPage = (): Promise<TestBot> =>
  startTestBot({
    skills: [planner],
    config: {
      connectors: { memory: {}, web: {} },
      rooms: { lobby: { in: { memory: 'lobby' } }, board: { in: { web: 'board' } } },
    },
  });
const shownOn = async (page: TestBot): Promise<string[]> =>
  (await page.query<{ content: string }>(`select content from messages where connector = 'web' order by position`)).map(
    (row) => (JSON.parse(row.content) as { text: string }).text,
  );
/** Somebody opens the page, so much later: what has become due takes its place. */
async function lookAt(page: TestBot, laterMs: number): Promise<void> {
  await page.advance(laterMs);
  const url = `http://127.0.0.1:${page.app.port}`;
  const cookie = await signIn(url, await page.app.createSignIn());
  const stream = await fetch(`${url}/web/rooms/board/stream`, { headers: { cookie } });
  await stream.body?.cancel();
}
const nothingWaitsOn = (page: TestBot): Promise<void> =>
  until(async () => (await page.query('select 1 from messages where not_before is not null')).length === 0);

test('on the web page what was sent later stands behind what was said before it', async () => {
  await using page = await startPage();
  await page.say('board');
  expect(await shownOn(page)).toEqual(['soon', 'now']);
  await lookAt(page, 60_000);
  await nothingWaitsOn(page);
  expect(await shownOn(page)).toEqual(['now', 'soon']);
});

test('on the web page, too, the same words can be planned for another time', async () => {
  await using page = await startPage();
  await page.say('soon 3600000');
  await page.say('soon 100');
  await nothingWaitsOn(page);
});

test('on the web page what was sent later is shown however much was said meanwhile', async () => {
  await using page = await startPage();
  await page.say('soon 60000');
  await page.query(
    `insert into messages (id, connector, room, skill, queue, content, delivered_version, delivered_ring, shown_at)
     select gen_random_uuid(), 'web', 'board', 'planner', 1, '{"text":"meanwhile"}', 1, 0, clock_timestamp() from generate_series(1, 500)`,
  );
  await lookAt(page, 60_000);
  await nothingWaitsOn(page);
  expect((await shownOn(page)).at(-1)).toBe('soon');
});
