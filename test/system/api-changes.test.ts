import { defineQuery, defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const CI = 'a-token-that-is-long-enough';
const query = (help: string) => defineQuery({ help, input: z.object({}), output: z.object({}), run: () => ({}) });

const shop = defineSkill({
  name: 'shop',
  queries: { stock: query('tells the stock'), prices: query('tells the prices') },
  commands: {
    buy: { help: 'buys', run: () => 'bought' },
    'mark down': { help: 'changes prices', run: ({ changed }) => changed('prices') },
    refuse: { help: 'fails', run: () => Promise.reject(new Error('on purpose')) },
  },
});

let bot: TestBot;
let other: TestBot;
const config = {
  rooms: { lobby: { in: { memory: 'lobby' } } },
  api: {
    tokens: {
      ci: { token: { file: 'ci' }, queries: ['*'] },
      narrow: { token: { file: 'narrow' }, queries: ['shop prices'] },
    },
  },
};
beforeAll(async () => {
  const options = { skills: [shop], secrets: { ci: CI, narrow: `${CI}-narrow` }, config };
  bot = await startTestBot(options);
  other = await startTestBot({ ...options, sharedWith: bot });
});
afterAll(async () => {
  await other.stop();
  await bot.stop();
});

/** Reads a stream until it is closed; `said` has each name, in order. */
async function follow(at: TestBot, token = CI) {
  const closing = new AbortController();
  const response = await fetch(`http://127.0.0.1:${at.app.port}/api/v1/changes`, {
    headers: { authorization: `Bearer ${token}` },
    signal: closing.signal,
  });
  const said: string[] = [];
  void (async () => {
    const text = new TextDecoder();
    for await (const chunk of response.body ?? [])
      said.push(
        ...text
          .decode(chunk)
          .split('\n')
          .flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : [])),
      );
  })().catch(() => {});
  await until(() => said.length > 0 || !response.ok);
  return { response, said, close: () => closing.abort() };
}

test('changes by a handler are streamed to followers on every replica, limited to permitted queries', async () => {
  const [here, there, narrow] = [await follow(bot), await follow(other), await follow(other, `${CI}-narrow`)];
  expect(here.response.headers.get('content-type')).toBe('text/event-stream');
  for (const { said } of [here, there, narrow]) expect(said.every((name) => name === 'all')).toBe(true);
  // Each replica has polled once since: from now on it only sends changes.
  await until(() => here.said.length > 1 && there.said.length > 1 && narrow.said.length > 1);
  for (const { said } of [here, there, narrow]) said.length = 0;

  await bot.say('mark down');
  await until(() => here.said.length > 0 && there.said.length > 0 && narrow.said.length > 0);
  await bot.say('buy');
  await until(() => here.said.length >= 3 && there.said.length >= 3);
  for (const { said } of [here, there]) expect(said.toSorted()).toEqual(['shop prices', 'shop prices', 'shop stock']);
  await until(() => narrow.said.length >= 2);
  expect(narrow.said).toEqual(['shop prices', 'shop prices']);
  for (const { close } of [here, there, narrow]) close();
});

test('a failed command reports no changes', async () => {
  const here = await follow(bot);
  await until(() => here.said.length > 1);
  here.said.length = 0;
  await bot.say('refuse');
  await bot.say('mark down');
  await until(() => here.said.length > 0);
  expect(here.said).toEqual(['shop prices']);
  here.close();
});

test('the number of streams per token is limited, and closing one frees a place', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => follow(bot)));
  const more = await follow(bot);
  expect(more.response.status).toBe(503);
  for (const { close } of all) close();
  await until(async () => {
    const again = await follow(bot);
    again.close();
    return again.response.ok;
  });
});
