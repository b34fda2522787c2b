import { keyText, type Operation } from '../connector.ts';
import { newKey, RecordingHost, sendOf } from './host.ts';
import { required, never, type Suite } from './subject.ts';

type OnMessage = Pick<Extract<Operation, { type: 'delete' }>, 'key' | 'room' | 'target' | 'unknownTries'>;

/** Messages from people are received once, in order, and are not lost. */
export function describeReceiving(suite: Suite): void {
  const hear = { world: ['hear'] } as const;

  suite.test('a message is received once, with sender, room, time and cursor', hear, async (run) => {
    const { world, host } = run;
    const id = await required(world.say)('hello there');
    await host.until('the message', () => host.events.length > 0);
    const [event] = host.events;
    expect(event).toMatchObject({ type: 'message', id, text: 'hello there', sender: { bot: false } });
    expect(event?.sender.accountId).not.toBe(world.accountId);
    expect(Math.abs((event?.at.getTime() ?? 0) - Date.now())).toBeLessThan(120_000);
    expect(host.history.indexOf('cursor', host.history.indexOf(`event ${id}`))).toBeGreaterThan(-1);
    expect(host.states.at(-1)).toBe(true);
  });

  suite.test('a batch that could not be stored is offered again', hear, async ({ world, host }) => {
    host.rejections = 2;
    await required(world.say)('important');
    await host.until('the message', () => host.texts().includes('important'));
    await required(world.say)('and this');
    await host.until('the next one', () => host.texts().includes('and this'));
    expect(host.texts()).toEqual(['important', 'and this']);
  });

  suite.test('messages are received in the order in which they were sent', hear, async ({ world, host }) => {
    const texts = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    for (const text of texts) await required(world.say)(text);
    await host.until('all of them', () => host.events.length === texts.length);
    expect(host.texts()).toEqual(texts);
  });

  suite.test(
    'the first start delivers no old messages, and a restart delivers those sent while it was offline',
    { world: ['hear', 'catch up'] },
    async ({ world, connector, another }) => {
      await required(world.say)('long ago');
      const host = new RecordingHost([world.room]);
      await connector.start(host);
      await required(world.say)('now');
      await host.until('the message', () => host.texts().includes('now'));
      await connector.stop();
      await required(world.say)('while away');
      const after = new RecordingHost([world.room], host);
      await (await another()).start(after);
      await after.until('what was missed', () => after.texts().includes('while away'));
      expect(host.texts()).toEqual(['now']);
      expect(after.texts()).toEqual(['while away']);
    },
    { started: false },
  );

  suite.test(
    'its own messages are echoed under their key before later events, and are not events',
    { declares: ['keyWindowMs'], world: ['hear', 'echo'] },
    async ({ world, host, send }) => {
      const key = newKey();
      const remoteId = await send({ text: 'from the bot' }, { key });
      await required(world.say)('after it');
      await host.until('the message', () => host.texts().includes('after it'));
      expect(host.texts()).toEqual(['after it']);
      expect(host.echoes).toEqual([{ key: keyText(key), remoteId }]);
      const place = (word: string): number => host.history.findIndex((line) => line.startsWith(word));
      expect(place('echo ')).toBeLessThan(place('event '));
    },
  );

  suite.test(
    'every kind of operation is echoed under its key, with its message',
    { declares: ['keyWindowMs'], world: ['echo', 'echo changes'] },
    async ({ world, connector, host, part }) => {
      const { edit, reactions, delete: deletes } = suite.subject.capabilities;
      const send = sendOf(world.room, part({ text: 'first' }));
      const target = await connector.perform(send, never());
      const about = (): OnMessage => ({ key: newKey(), room: world.room, target, unknownTries: 0 });
      const changes: Operation[] = [
        ...(edit ? [{ ...about(), type: 'edit' as const, part: part({ text: 'second' }) }] : []),
        ...(reactions ? [{ ...about(), type: 'react' as const, emoji: '👀' }] : []),
        ...(deletes ? [{ ...about(), type: 'delete' as const }] : []),
      ];
      for (const change of changes) {
        expect(await connector.perform(change, never())).toBe(target);
        expect(await connector.perform({ ...change, unknownTries: 1 }, never())).toBe(target);
      }
      const expected = [send, ...changes].map(({ key }) => ({ key: keyText(key), remoteId: target }));
      await host.until('all echoes', () => host.echoes.length >= expected.length);
      expect(host.echoes).toEqual(expected);
    },
  );

  suite.test('its own messages are not events', hear, async ({ world, host, send }) => {
    await send({ text: 'from the bot' });
    await required(world.say)('after it');
    await host.until('the message', () => host.texts().includes('after it'));
    expect(host.texts()).toEqual(['after it']);
  });

  suite.test(
    'an unreachable platform is reported, and receiving continues when it is back',
    { world: ['hear', 'cut the line'] },
    async ({ world, host, send }) => {
      await required(world.goOffline)();
      // The first request may be cut off on an open connection, so its outcome is unknown; later ones cannot connect.
      await expect(send({ text: 'x' })).rejects.toThrow();
      await expect(send({ text: 'x' })).rejects.toMatchObject({ code: 'WB_UNREACHABLE' });
      await host.until('down', () => host.states.at(-1) === false);
      await required(world.goOnline)();
      await host.until('up', () => host.states.at(-1) === true);
      await required(world.say)('back again');
      await host.until('the message', () => host.texts().includes('back again'));
    },
  );

  suite.test(
    'a name that is too long is truncated to well-formed text',
    { declares: ['members'], world: ['hear', 'rename people'] },
    async ({ world, connector, host }) => {
      await required(world.rename)('😀'.repeat(200));
      await required(world.say)('hello');
      await host.until('the message', () => host.events.length > 0);
      const members = (await connector.members?.(world.room, AbortSignal.timeout(10_000))) ?? [];
      const names = [...host.events.map(({ sender }) => sender.name), ...members.map(({ name }) => name)];
      expect(names.filter((name) => name.startsWith('😀'))).toHaveLength(2);
      expect(names.filter((name) => !name.isWellFormed() || name.length > 255)).toEqual([]);
    },
  );

  suite.test(
    'it can be stopped twice, or before it has started, and receives nothing afterwards',
    { world: ['hear', 'catch up'] },
    async ({ world, connector, host, another }) => {
      await connector.stop();
      await connector.stop();
      const count = host.history.length;
      await required(world.say)('nobody listens');
      const other = await another();
      const late = new RecordingHost([world.room], host);
      const starting = other.start(late).catch(() => {});
      await other.stop();
      await starting;
      expect(host.history).toHaveLength(count);
      expect(late.receiving).toBe(0);
      // A third connector still receives the message.
      const heir = new RecordingHost([world.room], late);
      await (await another()).start(heir);
      await heir.until('the message', () => [...late.texts(), ...heir.texts()].includes('nobody listens'));
    },
  );
}
