/** A bot that uses a connector from outside the program. */
import { defineSkill } from '../../src/skill.ts';
import { startTestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';
import { lines } from './platform.ts';
import { LineServer } from './server.ts';

const tea = defineSkill({
  name: 'tea',
  commands: {
    'brew {cups:int}': { help: 'brews tea', run: ({ post, args, room }) => post(room, 'pot', `${args.cups} cups`) },
    'taste tea': { help: 'says how it is', run: () => 'good' },
  },
});

test('commands over the line are answered once, edited in place, and not lost while the line is cut', async () => {
  const server = new LineServer();
  await server.listen();
  await using bot = await startTestBot({
    skills: [tea],
    platforms: [lines],
    secrets: { token: server.token },
    config: {
      connectors: { memory: {}, lines: { port: server.port, token: { file: 'token' } } },
      rooms: { lobby: { in: { memory: 'lobby', lines: 'kitchen' } } },
    },
  });
  const ofBot = (): string[] => server.shown('kitchen').flatMap(({ text, mine }) => (mine ? [text] : []));
  await until(async () => (await bot.query(`select 1 from cursors where connector = 'lines'`)).length > 0);
  server.say('kitchen', 'ann', 'brew 2');
  await until(() => ofBot().length === 1);
  server.say('kitchen', 'ann', 'brew 3');
  await until(() => ofBot().join() === '3 cups');

  await server.close();
  server.say('kitchen', 'ann', 'taste tea');
  server.next = 'lose';
  await server.listen();
  await until(() => ofBot().length === 2);
  await bot.settle();
  expect(ofBot()).toEqual(['3 cups', 'good']);
  await bot.leave();
  await server.close();
});
