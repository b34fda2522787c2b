import { randomUUID } from 'node:crypto';
import type { Message } from '../../chat/message.ts';
import type { Operation } from '../connector.ts';
import { newKey } from './host.ts';
import { required, never, type Suite } from './subject.ts';

const ALERT: Message = {
  text: 'pods crash',
  actions: [
    { label: 'Ack', emoji: '👀', command: 'ack 12' },
    { label: 'Close', emoji: '✅', command: 'close 12' },
  ],
};

/** Reactions, buttons, lists and slash commands. */
export function describeInteractions(suite: Suite): void {
  suite.test(
    'added and removed reactions are reported, even across a restart',
    { declares: ['reactions'], world: ['hear'] },
    async (run) => {
      const { world, host } = run;
      const target = await run.send({ text: 'alert' });
      const reaction = await required(world.react)(target, '✅');
      await host.until('the reaction', () =>
        host.events.some((event) => event.type === 'reaction' && !event.taken && event.target === target),
      );
      const next = await run.restart();
      await required(world.unreact)(reaction);
      await next.host.until('its end', () =>
        next.host.events.some(
          (event) => event.type === 'reaction' && event.taken && event.target === target && event.emoji === '✅',
        ),
      );
    },
  );

  suite.test(
    'the bot reacts only once, even if the operation is repeated',
    { declares: ['reactions'] },
    async (run) => {
      const { world, connector } = run;
      const target = await run.send({ text: 'alert' });
      const operation: Operation = {
        ...{ type: 'react', key: newKey(), room: world.room, target, emoji: '👀', unknownTries: 0 },
      };
      await connector.perform(operation, never());
      await connector.perform({ ...operation, unknownTries: 1 }, never());
      await connector.perform({ ...operation, key: newKey() }, never());
      await run.shows('one reaction', (shown) =>
        shown.some(({ id, reactions }) => id === target && reactions.join() === '👀'),
      );
    },
  );

  for (const kind of ['buttons', 'select'] as const)
    suite.test(
      `an action of ${kind} reports the message, its version and the index`,
      { declares: [kind], world: ['hear'] },
      async ({ world, connector, host, part }) => {
        const press = { message: randomUUID(), version: 3 };
        const send = {
          type: 'send',
          key: newKey(),
          room: world.room,
          unknownTries: 0,
        } as const;
        const target = await connector.perform({ ...send, part: part(ALERT, { ring: true, press }) }, never());
        await required(world.press)(target, 1);
        await host.until('the press', () => host.events.length > 0);
        expect(host.events).toMatchObject([{ type: 'interaction', press: { ...press, index: 1 } }]);
        // After an edit, a press is on the newer version.
        const newer = part(ALERT, { ring: false, press: { ...press, version: 4 } });
        const edit = { type: 'edit', key: newKey(), room: world.room, target, unknownTries: 0 } as const;
        await connector.perform({ ...edit, part: newer }, never());
        await required(world.press)(target, 0);
        await host.until('the second press', () => host.events.length > 1);
        expect(host.events[1]).toMatchObject({ press: { ...press, version: 4, index: 0 } });
        expect(host.events[1]?.id).not.toBe(host.events[0]?.id);
      },
    );

  suite.test(
    'a slash command is reported with its text',
    { declares: ['slashCommands'], world: ['hear'] },
    async ({ world, host }) => {
      await required(world.command)('ack 12');
      await host.until('the command', () => host.events.length > 0);
      expect(host.events).toMatchObject([{ type: 'interaction', words: 'ack 12' }]);
    },
  );
}
