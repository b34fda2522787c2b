/** Two rooms that are each other's failover. */
import { replayDead } from '../../src/messages/dead-letters.ts';
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const bell = defineSkill({
  name: 'bell',
  commands: {
    'ring {text...}': { help: 'says it', run: ({ args }) => args.text },
    put: { help: 'shows a message', run: ({ post }) => post('lobby', 'it', 'shown') },
    drop: { help: 'deletes it', run: ({ remove }) => remove('lobby', 'it') },
  },
});

let bot: TestBot;
beforeEach(async () => {
  bot = await startTestBot({
    skills: [bell],
    config: {
      connectors: { memory: { opsRoom: 'trouble' } },
      rooms: {
        lobby: { in: { memory: 'lobby' }, failover: 'hall' },
        hall: { in: { memory: 'hall' }, failover: 'lobby' },
        trouble: { in: { memory: 'trouble' } },
      },
    },
  });
});
afterEach(() => bot.stop());

/** From now on these rooms reject everything permanently. */
function refuse(...rooms: readonly string[]): void {
  bot.platform.before = (operation) => {
    if ('room' in operation && rooms.includes(operation.room))
      throw Object.assign(new Error('refused'), { code: 'WB_REJECTED', reason: 'I am not in the room' });
  };
}

const dead = () => bot.query<{ room: string }>(`select room from messages where state = 'dead' order by room`);

test('a message that a room rejects is posted in its failover room, and the operators are notified once', async () => {
  refuse('lobby');
  await bot.say('ring fire');
  await bot.say('ring water');
  expect(bot.texts('lobby')).toEqual([]);
  expect(bot.texts('hall')).toEqual([
    '_could not be shown in lobby: I am not in the room_\nfire',
    '_could not be shown in lobby: I am not in the room_\nwater',
  ]);
  expect(bot.texts('trouble')).toEqual([expect.stringMatching(/^I cannot post in lobby: I am not in the room\./)]);
  expect(await dead()).toEqual([{ room: 'lobby' }, { room: 'lobby' }]);
});

test('a message that both rooms reject does not go back and forth', async () => {
  refuse('lobby', 'hall');
  await bot.say('ring fire');
  expect(await dead()).toEqual([{ room: 'hall' }, { room: 'lobby' }]);
  expect(bot.texts('trouble')).toHaveLength(2);
});

test('a message that cannot be deleted is reported as such, and is not shown in the failover', async () => {
  await bot.say('put');
  refuse('lobby');
  await bot.say('drop');
  expect(bot.texts('lobby')).toEqual(['shown']);
  expect(bot.texts('hall')).toEqual([]);
  expect(bot.texts('trouble')).toEqual([
    expect.stringMatching(/^I cannot delete a message in lobby: I am not in the room\./),
  ]);
  bot.platform.before = () => {};
  await replayDead((sql, parameters) => bot.query(sql, parameters), undefined);
  await until(() => bot.texts('lobby').length === 0);
});
