/** Requests of platforms to the bot, through the route of the memory connector. */
import { randomUUID } from 'node:crypto';
import type { IncomingEvent } from '../../src/connectors/connector.ts';
import { SIGNATURE_HEADER, signatureOf } from '../../src/connectors/memory/route.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { Line } from '../harness/line.ts';
import { until } from '../harness/until.ts';

const probe = defineSkill({
  name: 'probe',
  commands: { 'ping {n:int}': { help: 'answers', run: ({ args }) => `pong ${args.n}` } },
});

let bot: TestBot;
afterEach(() => bot.stop());

const said = (text: string, more: Partial<IncomingEvent> = {}) => ({
  ...{ type: 'message', id: randomUUID(), room: 'lobby', direct: false, text, mentionsBot: true, at: new Date() },
  ...{ sender: { accountId: '@ann:test', name: 'Ann', bot: false, guest: false } },
  ...more,
});

async function post(to: TestBot, events: unknown, { path = '/events', secret = bot.platform.secret } = {}) {
  const body = typeof events === 'string' ? events : JSON.stringify(events);
  const answer = await fetch(`http://127.0.0.1:${to.app.port}/webhooks/memory/memory${path}`, {
    method: 'POST',
    headers: { [SIGNATURE_HEADER]: signatureOf(secret, body) },
    body,
  });
  return { status: answer.status, text: await answer.text() };
}

test('every replica accepts requests, and each event once, however often and wherever it arrives', async () => {
  bot = await startTestBot({ skills: [probe] });
  await using other = await startTestBot({ skills: [probe], sharedWith: bot });
  const events = Array.from({ length: 6 }, (_, n) => said(`ping ${n}`));
  const answers = await Promise.all([bot, other, bot, other].flatMap((to) => events.map((event) => post(to, [event]))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  await bot.settle();
  expect(bot.texts().toSorted()).toEqual(events.map((_, n) => `pong ${n}`));
});

test('unsigned requests, other addresses and methods, and large bodies are rejected', async () => {
  bot = await startTestBot({ skills: [probe] });
  expect(await post(bot, [said('ping 1')], { secret: 'guessed' })).toMatchObject({ status: 401 });
  expect(await post(bot, 'no events')).toMatchObject({ status: 400 });
  expect(await post(bot, [said('ping 1')], { path: '/other' })).toMatchObject({ status: 404 });
  expect(await post(bot, 'x'.repeat(65 * 1024))).toMatchObject({ status: 413 });
  const url = `http://127.0.0.1:${bot.app.port}/webhooks/memory/memory/events`;
  expect((await fetch(url)).status).toBe(405);
  expect(await bot.query('select 1 from events')).toEqual([]);
  const metrics = await fetch(`http://127.0.0.1:${bot.app.opsPort}/metrics`).then((answer) => answer.text());
  expect(metrics).toContain('watchbell_webhook_requests_total{source="memory/memory",code="401"} 1');
});

test('it returns 503 while the database is down, and accepts requests again afterwards', async () => {
  bot = await startTestBot({ skills: [probe] });
  const line = new Line(bot.databaseUrl);
  await line.mend();
  await using cutOff = await startTestBot({ skills: [probe], sharedWith: bot, databasePort: line.port });
  await line.cut();
  const event = said('ping 7');
  await until(async () => (await post(cutOff, [event])).status === 503);
  await line.mend();
  await until(async () => (await post(cutOff, [event])).status === 200);
  await bot.settle();
  expect(bot.texts()).toEqual(['pong 7']);
  await line.cut();
});
