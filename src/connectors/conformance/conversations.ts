import { randomUUID } from 'node:crypto';
import type { Connector } from '../connector.ts';
import { required, soon, type Suite } from './subject.ts';

/** Members, topics, groups and private conversations. */
export function describeConversations(suite: Suite): void {
  suite.test(
    'members are listed without the bot, even before start',
    { declares: ['members'] },
    async ({ world, connector }) => {
      const members = await connector.members?.(world.room, soon());
      const ids = members?.map(({ accountId }) => accountId);
      expect(ids).toEqual(expect.arrayContaining([...required(world.people)]));
      expect(ids).not.toContain(world.accountId);
    },
    { started: false },
  );

  suite.test(
    'the conversation with a person is always the same one, for any replica and after a lost response',
    { declares: ['direct'] },
    async ({ world, connector, another }) => {
      const other = await another();
      const [ann, bob] = required(world.people);
      const ask = async (by: Connector, account: string) => by.openDirect?.(account, soon());
      await required(world.loseNextOpening)();
      await ask(connector, ann).catch(() => {});
      const rooms = await Promise.all([ask(connector, ann), ask(other, ann), ask(connector, ann)]);
      expect(new Set(rooms).size).toBe(1);
      expect(await required(world.peopleOf)(rooms[0] ?? '')).toContain(ann);
      expect(await ask(other, bob)).not.toBe(rooms[0]);
    },
  );

  suite.test(
    'a group conversation is opened once: a repeat, a second replica and a retry after a lost response find the same one',
    { declares: ['group'] },
    async ({ world, connector, another }) => {
      const other = await another();
      const people = required(world.people);
      const first = randomUUID();
      const ask = async (by: Connector, uuid: string) => by.openGroup?.({ uuid, people, name: 'Coffee' }, soon());
      await required(world.loseNextOpening)();
      await ask(connector, first).catch(() => {});
      const rooms = await Promise.all([ask(connector, first), ask(other, first), ask(connector, first)]);
      expect(new Set(rooms).size).toBe(1);
      expect(await required(world.peopleOf)(rooms[0] ?? '')).toEqual(expect.arrayContaining([...people]));
    },
  );

  suite.test(
    'the same people with another uuid get one other conversation',
    { declares: ['group'], world: ['tell conversations of the same people apart'] },
    async ({ world, connector, another }) => {
      const other = await another();
      const people = required(world.people);
      const ask = async (by: Connector, uuid: string) => by.openGroup?.({ uuid, people, name: 'Coffee' }, soon());
      const second = randomUUID();
      const rooms = [await ask(connector, randomUUID())];
      rooms.push(...(await Promise.all([ask(connector, second), ask(other, second)])));
      expect(new Set(rooms).size).toBe(2);
    },
  );

  suite.test('the topic of a room is set', { declares: ['topic'] }, async ({ world, connector }) => {
    await connector.setTopic?.(world.room, 'on call: Ann', soon());
    expect(await required(world.topicOf)(world.room)).toBe('on call: Ann');
  });

  suite.test('a group of the platform gets exactly the given members', { declares: ['memberGroups'] }, async (run) => {
    const { world, connector } = run;
    const [ann, bob] = required(world.people);
    for (const accounts of [[ann], [ann, bob], [bob], []]) {
      await connector.setGroup?.('oncall', accounts, soon());
      expect((await required(world.groupOf)('oncall')).toSorted()).toEqual(accounts.toSorted());
    }
  });
}
