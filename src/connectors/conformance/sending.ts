import type { Message } from '../../chat/message.ts';
import { codeOf } from '../../errors.ts';
import { newKey, RecordingHost, sendOf } from './host.ts';
import { required, never, type Suite } from './subject.ts';

/** Messages are shown as requested, once, and the outcome of a request is reported correctly. */
export function describeSending(suite: Suite): void {
  const { capabilities } = suite.subject;
  const mine = (shown: readonly { mine: boolean }[]) => shown.filter((one) => one.mine);

  suite.test(
    'the connector has the capabilities of its platform; rendering is pure and within limits',
    {},
    async ({ connector }) => {
      expect(connector.capabilities).toEqual(capabilities);
      expect(capabilities.maxBytes).toBeGreaterThan(500);
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
        expect(part.bytes).toBeLessThanOrEqual(capabilities.maxBytes);
        expect(JSON.parse(JSON.stringify(part))).toEqual(part);
      }
      expect(connector.render(message, { ring: true })).toEqual(parts);
      expect(connector.render({ text: '' }, { ring: false }).length).toBeGreaterThan(0);
    },
    { started: false },
  );

  suite.test('each declared capability has its method', {}, async ({ connector }) => {
    expect({
      members: connector.members !== undefined,
      direct: connector.openDirect !== undefined,
      group: connector.openGroup !== undefined,
      topic: connector.setTopic !== undefined,
      memberGroups: connector.setGroup !== undefined,
    }).toEqual({
      members: capabilities.members,
      direct: capabilities.direct,
      group: capabilities.group,
      topic: capabilities.topic,
      memberGroups: capabilities.memberGroups,
    });
  });

  suite.test('a message is shown', {}, async ({ send, shows }) => {
    const id = await send({ title: 'Title', text: 'first' });
    await shows('the message', (shown) => shown.some((one) => one.id === id && one.mine && one.text.includes('first')));
  });

  suite.test('a file is shown once, after the text', { declares: ['files'] }, async (run) => {
    const { connector, world, shows } = run;
    const bytes = new TextEncoder().encode('a,b');
    const file = { name: 'table.csv', mediaType: 'text/csv', hash: 'h', size: bytes.length, alt: 'A table' };
    const shownIn = connector.render({ text: 'Look', files: [file] }, { ring: false }).find((one) => one.file);
    expect(shownIn?.file).toEqual(file);
    const upload = { type: 'upload', key: newKey(), room: world.room, file: { ...file, bytes } } as const;
    const isApart = capabilities.files !== false && capabilities.files.upload;
    const more = isApart
      ? { uploads: [await connector.perform({ ...upload, unknownTries: 0 }, never())] }
      : { files: [{ ...file, bytes }] };
    const send = sendOf(world.room, shownIn, more);
    const id = await connector.perform(send, never());
    expect(await connector.perform({ ...send, unknownTries: 1 }, never())).toBe(id);
    await shows(
      'the file',
      (shown) => shown.filter((one) => one.id === id && one.text.includes('A table')).length === 1,
    );
  });

  suite.test(
    'a message is edited in place',
    { declares: ['edit'] },
    async ({ world, connector, part, send, shows }) => {
      const target = await send({ title: 'Title', text: 'first' });
      const edit = { type: 'edit', key: newKey(), room: world.room, part: part({ text: 'second' }), target } as const;
      expect(await connector.perform({ ...edit, unknownTries: 0 }, never())).toBe(target);
      expect(await connector.perform({ ...edit, unknownTries: 1 }, never())).toBe(target);
      await shows('the edit', (shown) =>
        shown.some((one) => one.id === target && one.text.includes('second') && !one.text.includes('first')),
      );
    },
  );

  suite.test('a message is deleted', { declares: ['delete'] }, async ({ world, connector, send, shows }) => {
    const target = await send({ text: 'first' });
    const operation = { type: 'delete', key: newKey(), room: world.room, target, unknownTries: 0 } as const;
    expect(await connector.perform(operation, never())).toBe(target);
    await shows('the deletion', (shown) => shown.every((one) => one.id !== target));
  });

  suite.test('a private message is visible only to its account', { declares: ['asker'] }, async (run) => {
    const [ann, bob] = required(run.world.people);
    const id = await run.send({ text: 'between us' }, { to: { accountId: ann } });
    const seenBy = async (account?: string): Promise<boolean> =>
      (await run.world.shown(account)).some((one) => one.id === id);
    expect([await seenBy(ann), await seenBy(bob), await seenBy()]).toEqual([true, false, false]);
  });

  suite.test(
    'editing a missing message is reported as gone',
    { declares: ['edit'] },
    async ({ world, connector, part }) => {
      const edit = {
        type: 'edit',
        key: newKey(),
        room: world.room,
        part: part({ text: 'x' }),
        unknownTries: 0,
      } as const;
      await expect(connector.perform({ ...edit, target: world.missing }, never())).rejects.toMatchObject({
        code: 'WB_GONE',
      });
    },
  );

  suite.test('a repeat under the same key is one message', { declares: ['keyWindowMs'] }, async (run) => {
    const key = newKey();
    const first = await run.send({ text: 'once' }, { key });
    expect(await run.send({ text: 'once' }, { key, unknownTries: 1 })).toBe(first);
    const { connector } = await run.restart();
    const repeat = sendOf(run.world.room, run.part({ text: 'once' }), { key, unknownTries: 2 });
    expect(await connector.perform(repeat, never())).toBe(first);
    expect(mine(await run.world.shown())).toHaveLength(1);
  });

  suite.test(
    'after a lost response the outcome is unknown, and a repeat leaves one message',
    { world: ['lose an answer'] },
    async ({ world, send }) => {
      await required(world.loseNextAnswer)();
      const key = newKey();
      const lost = await send({ text: 'once' }, { key }).then(
        () => undefined,
        (error: unknown) => codeOf(error) ?? 'unknown',
      );
      const certain = ['WB_RATE_LIMITED', 'WB_REJECTED', 'WB_GONE', 'WB_UNAUTHORISED', 'WB_UNREACHABLE', 'WB_MOVED'];
      expect(certain).not.toContain(lost);
      // Until it reconnects, requests fail as unreachable.
      const repeat = () => send({ text: 'once' }, { key, unknownTries: 1 });
      const isAway = (error: unknown): boolean => codeOf(error) === 'WB_UNREACHABLE';
      for (let isDone = false; !isDone;)
        isDone = await repeat().then(
          () => true,
          async (error: unknown) => {
            if (!isAway(error)) throw error;
            await new Promise((resolve) => setTimeout(resolve, 20));
            return false;
          },
        );
      expect(mine(await world.shown())).toHaveLength(1);
    },
  );

  suite.test(
    'a rate limit is reported as such, and nothing is shown',
    { world: ['refuse a request'] },
    async ({ world, send }) => {
      await required(world.refuseNext)();
      await expect(send({ text: 'x' })).rejects.toMatchObject({
        code: 'WB_RATE_LIMITED',
        retryAfterMs: expect.any(Number),
      });
      expect(mine(await world.shown())).toHaveLength(0);
    },
  );

  suite.test(
    'an operation settles when its signal aborts',
    { world: ['let a request hang'] },
    async ({ world, connector, part }) => {
      await required(world.hangNext)();
      const controller = new AbortController();
      const sending = connector
        .perform(sendOf(world.room, part({ text: 'x' })), controller.signal)
        .catch((error: unknown) => error);
      setTimeout(() => controller.abort(new Error('enough')), 50);
      const began = performance.now();
      await sending;
      expect(performance.now() - began).toBeLessThan(10_000);
    },
  );

  suite.test(
    'invalid credentials are reported at start and when sending',
    { world: ['lock the account out'] },
    async ({ world, send, another }) => {
      await required(world.lockOut)();
      await expect(send({ text: 'x' })).rejects.toMatchObject({ code: 'WB_UNAUTHORISED' });
      const other = await another();
      await expect(other.start(new RecordingHost([world.room]))).rejects.toMatchObject({ code: 'WB_UNAUTHORISED' });
    },
  );
}
