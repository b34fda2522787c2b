import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const hello = defineSkill({
  name: 'hello',
  options: z.object({}),
  commands: { hello: { help: 'answers', run: () => 'hello' } },
});

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({ skills: [hello] });
});
afterEach(() => bot.stop());

test("a reaction to an unconfirmed message is parked without blocking, and is later handled in its room's lane", async () => {
  const happening = (id: string) => ({
    ...{ id, room: 'lobby', direct: false, at: bot.app.clock.now() },
    sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false },
  });
  const early = async () =>
    (await bot.query<{ lane: string; result: string }>(`select lane, result from events where source_id = 'early'`))[0];
  bot.platform.before = () => {
    throw new Error('nobody knows');
  };
  bot.platform.happen({ type: 'message', ...happening('say'), text: '!hello', mentionsBot: false });
  await until(async () => (await bot.query('select 1 from messages where attempt is not null')).length > 0);
  bot.platform.happen({ type: 'reaction', taken: false, ...happening('early'), target: 'unknown', emoji: '👀' });
  await until(async () => (await early())?.lane.includes(':tap:') === true);
  bot.platform.before = () => {};
  await bot.settle();
  expect(await early()).toEqual({ lane: 'memory:lobby', result: 'ignored' });
  expect(bot.texts()).toContain('hello');
});
