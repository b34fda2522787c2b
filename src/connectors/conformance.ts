/**
 * The contract of `connector.ts` as tests: every connector's own test calls `describeConnector`. Uses jest's globals.
 */
import { randomUUID } from 'node:crypto';
import type { Message } from '../chat/message.ts';
import { codeOf } from '../errors.ts';
import { newKey, RecordingHost, sendOf, type ConnectorWorld } from './conformance-world.ts';
import { keyText, type Connector, type Operation } from './connector.ts';

const never = (): AbortSignal => new AbortController().signal;

interface Run {
  readonly world: ConnectorWorld;
  readonly connector: Connector;
  readonly host: RecordingHost;
  /** Stops the connector and starts a new one from the stored cursor. */
  restart(): Promise<{ connector: Connector; host: RecordingHost }>;
  /** Renders and sends the first part. */
  send(message: Message, more?: Partial<Extract<Operation, { type: 'send' }>>): Promise<string>;
}

/** `setUp` builds a fresh world for every test. */
export function describeConnector(name: string, setUp: () => Promise<ConnectorWorld>): void {
  /** Every connector that a test makes is stopped when it ends, however it ends. */
  async function tracked(): Promise<{ world: ConnectorWorld; running: Connector[] }> {
    const world = await setUp();
    const running: Connector[] = [];
    const connect = async (): Promise<Connector> => {
      const connector = await world.connect();
      running.push(connector);
      return connector;
    };
    return { world: { ...world, connect }, running };
  }

  async function within(body: (run: Run) => Promise<void>, options: { started?: boolean } = {}): Promise<void> {
    const { world, running } = await tracked();
    try {
      const connector = await world.connect();
      const host = new RecordingHost([world.room]);
      if (options.started !== false) await connector.start(host);
      await body({
        world,
        connector,
        host,
        async restart() {
          await running.at(-1)?.stop();
          const next = await world.connect();
          const nextHost = new RecordingHost([world.room], host);
          await next.start(nextHost);
          return { connector: next, host: nextHost };
        },
        send: (message, more) =>
          connector.perform(sendOf(world.room, connector.render(message, { ring: false })[0], more), never()),
      });
      expect(host.overlapped).toBe(false);
    } finally {
      for (const connector of running) await connector.stop();
      await world.close();
    }
  }

  const both = async (run: Run, done: () => Promise<boolean>, what: string): Promise<void> => {
    const deadline = Date.now() + 30_000;
    while (!(await done())) {
      if (Date.now() > deadline)
        throw new Error(`never shown: ${what}; shown: ${JSON.stringify(await run.world.shown())}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  describe(`${name} keeps the contract of a connector`, () => {
    test('its capabilities make sense, and rendering is pure and within them', async () => {
      await within(
        async ({ connector }) => {
          expect(connector.capabilities.maxBytes).toBeGreaterThan(500);
          const message: Message = {
            title: 'a <b> & "c"',
            tone: 'critical',
            text: `**x** ${'word '.repeat(50_000)}`,
            fields: [{ label: 'l', value: 'v\u0000' }],
            code: 'one\n'.repeat(5000),
          };
          const parts = connector.render(message, { ring: true });
          expect(parts.length).toBeGreaterThan(0);
          for (const part of parts) {
            expect(part.bytes).toBeLessThanOrEqual(connector.capabilities.maxBytes);
            expect(JSON.parse(JSON.stringify(part))).toEqual(part);
          }
          expect(connector.render(message, { ring: true })).toEqual(parts);
          expect(connector.render({ text: '' }, { ring: false }).length).toBeGreaterThan(0);
        },
        { started: false },
      );
    });

    test('what is said arrives once, with who, where and when, and the cursor with it', async () => {
      await within(async ({ world, host }) => {
        const id = await world.say('hello there');
        await host.until('the message', () => host.events.length > 0);
        const [event] = host.events;
        expect(event).toMatchObject({ type: 'message', id, text: 'hello there', sender: { bot: false } });
        expect(event?.sender.accountId).not.toBe(world.accountId);
        expect(Math.abs((event?.at.getTime() ?? 0) - Date.now())).toBeLessThan(120_000);
        expect(host.history.indexOf('cursor', host.history.indexOf(`event ${id}`))).toBeGreaterThan(-1);
        expect(host.states.at(-1)).toBe(true);
      });
    });

    test('a batch that could not be stored is offered again', async () => {
      await within(async ({ world, host }) => {
        host.rejections = 2;
        await world.say('important');
        await host.until('the message', () => host.texts().includes('important'));
        await world.say('and this');
        await host.until('the next one', () => host.texts().includes('and this'));
        expect(host.texts()).toEqual(['important', 'and this']);
      });
    });

    test('messages arrive in the order in which they were said', async () => {
      await within(async ({ world, host }) => {
        const texts = Array.from({ length: 30 }, (_, index) => `line ${index}`);
        for (const text of texts) await world.say(text);
        await host.until('all of them', () => host.events.length === texts.length);
        expect(host.texts()).toEqual(texts);
      });
    });

    test('nothing of the past is delivered on a first start, and what was said while away is delivered after a restart', async () => {
      const { world, running } = await tracked();
      try {
        await world.say('long ago');
        const first = await world.connect();
        const host = new RecordingHost([world.room]);
        await first.start(host);
        await world.say('now');
        await host.until('the message', () => host.texts().includes('now'));
        await first.stop();
        await world.say('while away');
        const second = await world.connect();
        const after = new RecordingHost([world.room], host);
        await second.start(after);
        await after.until('what was missed', () => after.texts().includes('while away'));
        await second.stop();
        expect(host.texts()).toEqual(['now']);
        expect(after.texts()).toEqual(['while away']);
      } finally {
        for (const connector of running) await connector.stop();
        await world.close();
      }
    });

    test('its own messages are echoed under their key before later events, and are no events', async () => {
      await within(async (run) => {
        const key = newKey();
        const id = await run.send({ text: 'from the bot' }, { key });
        await run.world.say('after it');
        await run.host.until('the message', () => run.host.texts().includes('after it'));
        expect(run.host.texts()).toEqual(['after it']);
        if (run.connector.capabilities.keyWindowMs === 0) return;
        expect(run.host.echoes).toContainEqual({ key, remoteId: id });
        expect(run.host.history.indexOf(`echo ${keyText(key)}`)).toBeLessThan(
          run.host.history.findIndex((line) => line.startsWith('event ')),
        );
      });
    });

    test('a message is sent, edited and deleted', async () => {
      await within(async (run) => {
        const { world, connector } = run;
        const id = await run.send({ title: 'Title', text: 'first' });
        await both(
          run,
          async () => (await world.shown()).some((one) => one.id === id && one.mine && one.text.includes('first')),
          'the message',
        );
        if (connector.capabilities.edit) {
          const [part] = connector.render({ title: 'Title', text: 'second' }, { ring: false });
          if (!part) throw new Error('no part');
          expect(
            await connector.perform(
              { type: 'edit', key: newKey(), room: world.room, part, target: id, unknownTries: 0 },
              never(),
            ),
          ).toBe(id);
          await both(
            run,
            async () =>
              (await world.shown()).some(
                (one) => one.id === id && one.text.includes('second') && !one.text.includes('first'),
              ),
            'the edit',
          );
        }
        if (connector.capabilities.delete) {
          expect(
            await connector.perform(
              { type: 'delete', key: newKey(), room: world.room, target: id, unknownTries: 0 },
              never(),
            ),
          ).toBe(id);
          await both(run, async () => (await world.shown()).every((one) => one.id !== id), 'the deletion');
        }
      });
    });

    test('a repeat under the same key is one message', async () => {
      await within(async (run) => {
        if (run.connector.capabilities.keyWindowMs === 0) return;
        const key = newKey();
        const first = await run.send({ text: 'once' }, { key });
        const second = await run.send({ text: 'once' }, { key, unknownTries: 1 });
        expect(second).toBe(first);
        const { connector } = await run.restart();
        const part = connector.render({ text: 'once' }, { ring: false })[0];
        expect(await connector.perform(sendOf(run.world.room, part, { key, unknownTries: 2 }), never())).toBe(first);
        expect((await run.world.shown()).filter((one) => one.mine)).toHaveLength(1);
      });
    });

    test('an answer that was lost is an unknown outcome, and the repeat is one message', async () => {
      await within(async (run) => {
        if (!run.world.loseNextAnswer) return;
        await run.world.loseNextAnswer();
        const key = newKey();
        const lost = await run.send({ text: 'once' }, { key }).then(
          () => undefined,
          (error: unknown) => ({ code: codeOf(error) }),
        );
        if (lost)
          expect(['WB_RATE_LIMITED', 'WB_REJECTED', 'WB_GONE', 'WB_UNAUTHORISED', 'WB_UNREACHABLE']).not.toContain(
            lost.code,
          );
        await run.send({ text: 'once' }, { key, unknownTries: 1 });
        expect((await run.world.shown()).filter((one) => one.mine)).toHaveLength(1);
      });
    });

    test('"too many requests" is said as such and nothing is shown', async () => {
      await within(async (run) => {
        if (!run.world.refuseNext) return;
        await run.world.refuseNext();
        await expect(run.send({ text: 'x' })).rejects.toMatchObject({
          code: 'WB_RATE_LIMITED',
          retryAfterMs: expect.any(Number),
        });
        expect((await run.world.shown()).filter((one) => one.mine)).toHaveLength(0);
      });
    });

    test('an operation settles when its signal aborts', async () => {
      await within(async (run) => {
        if (!run.world.hangNext) return;
        await run.world.hangNext();
        const controller = new AbortController();
        const part = run.connector.render({ text: 'x' }, { ring: false })[0];
        const sending = run.connector
          .perform(sendOf(run.world.room, part), controller.signal)
          .catch((error: unknown) => error);
        setTimeout(() => controller.abort(new Error('enough')), 50);
        const began = performance.now();
        await sending;
        expect(performance.now() - began).toBeLessThan(10_000);
      });
    });

    test('a platform that cannot be reached is said as such, and reading goes on when it is back', async () => {
      await within(async (run) => {
        const { world, host } = run;
        if (!world.goOffline || !world.goOnline) return;
        await world.goOffline();
        // A connection that stood open is cut in the middle, and then nobody knows; from then on it is certain.
        await expect(run.send({ text: 'x' })).rejects.toThrow();
        await expect(run.send({ text: 'x' })).rejects.toMatchObject({ code: 'WB_UNREACHABLE' });
        await host.until('down', () => host.states.at(-1) === false);
        await world.goOnline();
        await host.until('up', () => host.states.at(-1) === true);
        await world.say('back again');
        await host.until('the message', () => host.texts().includes('back again'));
      });
    });

    test('invalid credentials are said as such at start and when sending', async () => {
      await within(async (run) => {
        const { world } = run;
        if (!world.lockOut) return;
        await world.lockOut();
        await expect(run.send({ text: 'x' })).rejects.toMatchObject({ code: 'WB_UNAUTHORISED' });
        const other = await world.connect();
        await expect(other.start(new RecordingHost([world.room]))).rejects.toMatchObject({ code: 'WB_UNAUTHORISED' });
        await other.stop();
      });
    });

    test('reactions come and go, and the bot can react once', async () => {
      await within(async (run) => {
        const { world, host, connector } = run;
        if (!world.react || !world.unreact) return;
        const id = await run.send({ text: 'alert' });
        if (connector.capabilities.reactions) {
          const operation: Operation = {
            type: 'react',
            key: newKey(),
            room: world.room,
            target: id,
            emoji: '👀',
            unknownTries: 0,
          };
          await connector.perform(operation, never());
          await connector.perform({ ...operation, unknownTries: 1 }, never());
          await connector.perform({ ...operation, key: newKey() }, never());
          expect((await world.shown()).find((one) => one.id === id)?.reactions).toEqual(['👀']);
        }
        const reaction = await world.react(id, '✅');
        await host.until('the reaction', () =>
          host.events.some(
            (event) => event.type === 'reaction' && !event.taken && event.target === id && event.emoji === '✅',
          ),
        );
        const next = await run.restart();
        await world.unreact(reaction);
        await next.host.until('its end', () =>
          next.host.events.some(
            (event) => event.type === 'reaction' && event.taken && event.target === id && event.emoji === '✅',
          ),
        );
      });
    });

    test('editing what is not there is said as such', async () => {
      await within(async ({ world, connector }) => {
        const part = connector.render({ text: 'x' }, { ring: false })[0];
        if (world.missing === undefined || !connector.capabilities.edit || !part) return;
        await expect(
          connector.perform(
            { type: 'edit', key: newKey(), room: world.room, part, target: world.missing, unknownTries: 0 },
            never(),
          ),
        ).rejects.toMatchObject({ code: 'WB_GONE' });
      });
    });

    test('it says who is in a room, without itself, also before it is started', async () => {
      await within(
        async ({ world, connector }) => {
          if (!world.people) return;
          const members = await connector.members?.(world.room, AbortSignal.timeout(10_000));
          const ids = members?.map(({ accountId }) => accountId);
          expect(ids).toEqual(expect.arrayContaining([...world.people]));
          expect(ids).not.toContain(world.accountId);
        },
        { started: false },
      );
    });

    test('a name that is too long is cut to text that is well formed, whole emojis or not', async () => {
      await within(async ({ world, connector, host }) => {
        if (!world.rename) return;
        await world.rename('😀'.repeat(200));
        await world.say('hello');
        await host.until('the message', () => host.events.length > 0);
        const members = (await connector.members?.(world.room, AbortSignal.timeout(10_000))) ?? [];
        const names = [...host.events.map(({ sender }) => sender.name), ...members.map(({ name }) => name)];
        expect(names.filter((name) => name.startsWith('😀'))).toHaveLength(members.length > 0 ? 2 : 1);
        expect(names.filter((name) => !name.isWellFormed() || name.length > 255)).toEqual([]);
      });
    });

    test('a private conversation is opened once: a repeat, a second replica and a lost answer find the same one', async () => {
      await within(async ({ world, connector }) => {
        if (!world.people) return;
        const other = await world.connect();
        const conversation = { uuid: randomUUID(), people: world.people, name: 'Coffee' };
        const ask = (by: Connector, uuid = conversation.uuid) =>
          by.openGroup?.({ ...conversation, uuid }, AbortSignal.timeout(30_000));
        await world.loseNextOpening?.();
        await ask(connector)?.catch(() => {});
        const rooms = await Promise.all([ask(connector), ask(other), ask(connector)]);
        expect(new Set(rooms).size).toBe(1);
        expect(await world.peopleOf?.(rooms[0] ?? '')).toEqual(expect.arrayContaining([...world.people]));
        const uuid = randomUUID();
        const twins = await Promise.all([ask(connector, uuid), ask(other, uuid)]);
        expect(new Set([...twins, rooms[0]]).size).toBe(2);
      });
    });

    test('it can be stopped twice, before it has started, and nothing arrives afterwards', async () => {
      await within(async ({ world, connector, host }) => {
        await connector.stop();
        await connector.stop();
        const count = host.history.length;
        await world.say('nobody listens');
        const other = await world.connect();
        const late = new RecordingHost([world.room], host);
        const starting = other.start(late).catch(() => {});
        await other.stop();
        await starting;
        expect(host.history).toHaveLength(count);
        expect(late.receiving).toBe(0);
        // A third one sees that the others have taken nothing away.
        const third = await world.connect();
        const heir = new RecordingHost([world.room], late);
        await third.start(heir);
        await heir.until('the message', () => [...late.texts(), ...heir.texts()].includes('nobody listens'));
        await third.stop();
      });
    });
  });
}
