import fc from 'fast-check';
import type { Message } from '../chat/message.ts';
import { keyText, type Part } from '../connectors/connector.ts';
import { MEMORY_CAPABILITIES as ALL } from '../connectors/memory/platform.ts';
import { applyStep, operationOf, plan, type Attempt, type Copy, type PlanInput } from './plan.ts';

/** One part for each line of text, so that a test decides how many there are. */
const render = (message: Message, { ring }: { ring: boolean }): Part[] =>
  (message.text ?? '')
    .split('\n')
    .map((line) => ({ body: { line, title: message.title ?? '', ring }, bytes: line.length }));

const inputFor = (text: string, more: Partial<PlanInput> = {}): PlanInput => ({
  id: 'row',
  version: 1,
  ringVersion: 0,
  removed: false,
  message: { text },
  copies: [],
  now: new Date(0),
  capabilities: ALL,
  render,
  ...more,
});

let remotes = 0;
/** What the room shows after all planned steps. */
const after = (input: PlanInput, attempt: Attempt = plan(input)): Copy[] =>
  attempt.steps.reduce<Copy[]>(
    (copies, step) => applyStep(copies, step, 'target' in step ? step.target : `remote-${remotes++}`),
    [...input.copies],
  );
const brief = (input: PlanInput): string[] =>
  plan(input).steps.map((step) => {
    if (step.type === 'send') return `send ${String(step.part.body['line'])} in ${step.copy}`;
    if (step.type === 'edit') return `edit ${step.target} to ${String(step.part.body['line'])}`;
    return step.type === 'delete' ? `delete ${step.target}` : `upload ${step.file.name}`;
  });

const shown = (text: string): Copy[] => {
  const attempt = plan(inputFor(text));
  return attempt.steps.reduce<Copy[]>((copies, step, index) => applyStep(copies, step, `r${index}`), []);
};

test('a new message is sent with one request for each part, in order', () => {
  expect(brief(inputFor('one\ntwo'))).toEqual(['send one in 0', 'send two in 0']);
  expect(shown('one\ntwo')[0]?.parts.map((part) => part.remoteId)).toEqual(['r0', 'r1']);
});

test('a message that the room already shows needs no requests', () => {
  expect(brief(inputFor('one\ntwo', { copies: shown('one\ntwo'), version: 2 }))).toEqual([]);
});

test('only the parts that changed are edited', () => {
  expect(brief(inputFor('one\nTWO\nthree', { copies: shown('one\ntwo\nthree') }))).toEqual(['edit r1 to TWO']);
});

test('a file is uploaded before the part that shows it, where uploading is a separate request', () => {
  const file = { name: 'a.png', mediaType: 'image/png', hash: 'h', size: 3 };
  const withFile: PlanInput['render'] = (message) => [
    { body: { line: message.text ?? '' }, bytes: 1 },
    ...(message.files ?? []).map((one) => ({ body: { line: one.name }, bytes: 1, file: one })),
  ];
  const taking = (files: PlanInput['capabilities']['files']) =>
    brief(
      inputFor('look', {
        message: { text: 'look', files: [file] },
        render: withFile,
        capabilities: { ...ALL, files },
      }),
    );
  expect(taking({ maxBytes: 3, upload: true })).toEqual(['send look in 0', 'upload a.png', 'send a.png in 0']);
  expect(taking({ maxBytes: 3, upload: false })).toEqual(['send look in 0', 'send a.png in 0']);
  expect(taking({ maxBytes: 2, upload: true })).toEqual(['send look in 0']);
  expect(taking(false)).toEqual(['send look in 0']);
});

test('a longer message gets more parts, and a shorter one loses parts from the end', () => {
  expect(brief(inputFor('one\ntwo\nthree', { copies: shown('one') }))).toEqual(['send two in 0', 'send three in 0']);
  expect(brief(inputFor('ONE', { copies: shown('one\ntwo\nthree') }))).toEqual([
    'edit r0 to ONE',
    'delete r2',
    'delete r1',
  ]);
});

test('a ring sends a new copy first, then replaces the old one by a pointer', () => {
  const input = inputFor('one\ntwo', {
    copies: shown('one\ntwo'),
    ringVersion: 1,
    message: { text: 'one', title: '🔴 DOWN' },
  });
  expect(brief(input)).toEqual(['send one in 1', 'edit r0 to _continued below_ ⤵', 'delete r1']);
  const [, pointer] = plan(input).steps;
  expect(pointer?.type === 'edit' && pointer.part.body).toMatchObject({ title: 'DOWN', ring: false });
  expect(after(input).map((copy) => copy.ring)).toEqual([0, 1]);
});

test('a ring that was shown does not ring again, and that copy is edited from then on', () => {
  const copies = after(inputFor('one', { copies: shown('one'), ringVersion: 1 }));
  expect(brief(inputFor('one', { copies, ringVersion: 1 }))).toEqual([]);
  expect(brief(inputFor('new', { copies, ringVersion: 1 }))).toEqual([`edit ${copies[1]?.parts[0]?.remoteId} to new`]);
});

test('two rings that were not shown yet need one new copy', () => {
  expect(brief(inputFor('one', { ringVersion: 2 }))).toEqual(['send one in 0']);
  expect(
    brief(inputFor('one', { copies: shown('one'), ringVersion: 3 })).filter((step) => step.startsWith('send')),
  ).toEqual(['send one in 1']);
});

test('a removed message is deleted with all its copies', () => {
  const copies = after(inputFor('one\ntwo', { copies: shown('one'), ringVersion: 1 }));
  const [first, second] = copies;
  expect(brief(inputFor('', { copies, removed: true }))).toEqual([
    `delete ${first?.parts[0]?.remoteId}`,
    `delete ${second?.parts[1]?.remoteId}`,
    `delete ${second?.parts[0]?.remoteId}`,
  ]);
  expect(brief(inputFor('', { removed: true }))).toEqual([]);
});

test('a removed message offers nothing to tap', () => {
  const message: Message = { text: 'x', actions: [{ label: 'Ack', emoji: '👀', command: 'ack 1' }] };
  expect(JSON.parse(plan(inputFor('', { message })).actions)).toHaveLength(1);
  expect(JSON.parse(plan(inputFor('', { message, removed: true })).actions)).toEqual([]);
});

test('a message that somebody deleted is not sent again, unless it must ring', () => {
  const copies = shown('one').map((copy) => ({ ...copy, gone: true }));
  expect(brief(inputFor('new', { copies }))).toEqual([]);
  expect(brief(inputFor('new', { copies, ringVersion: 1 }))).toEqual(['send new in 1']);
});

test('where messages cannot be edited, a change is a new message and the old one stays', () => {
  const capabilities = { ...ALL, edit: false };
  expect(brief(inputFor('new', { copies: shown('one'), capabilities }))).toEqual(['send new in 1']);
  expect(brief(inputFor('new', { copies: shown('one'), capabilities, ringVersion: 1 }))).toEqual(['send new in 1']);
});

test('where messages cannot be deleted, removed ones stay', () => {
  const capabilities = { ...ALL, delete: false };
  expect(brief(inputFor('one', { copies: shown('one\ntwo'), capabilities }))).toEqual([]);
  expect(brief(inputFor('', { copies: shown('one'), capabilities, removed: true }))).toEqual([]);
});

const change = fc.record({
  text: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((lines) => lines.join('\n')),
  ring: fc.boolean(),
  removed: fc.boolean(),
});

test('after any series of changes, the planned steps leave nothing to do, and no two requests share a key', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.boolean(), (changes, deletes) => {
      let copies: readonly Copy[] = [];
      let ringVersion = 0;
      let sends = 0;
      const keys: string[] = [];
      for (const [index, { text, ring, removed }] of changes.entries()) {
        if (ring) ringVersion++;
        const input = inputFor(text, {
          copies,
          ringVersion,
          removed,
          version: index + 1,
          capabilities: { ...ALL, delete: deletes },
        });
        for (const step of plan(input).steps) {
          const place = {
            id: 'row',
            room: 'r',
            sends: sends++,
          };
          keys.push(keyText(operationOf(step, place).key));
          copies = applyStep(copies, step, 'target' in step ? step.target : `remote-${remotes++}`);
        }
        expect(plan({ ...input, copies }).steps).toEqual([]);
        if (removed) continue;
        // The newest copy shows every line; where parts cannot be deleted, old ones may remain after them.
        const lines = text.split('\n');
        const last = copies.at(-1)?.parts ?? [];
        const hashes = plan({ ...input, copies: [] }).steps.map((step) => step.type === 'send' && step.hash);
        expect(last.slice(0, lines.length).map((part) => part.hash)).toEqual(hashes);
        if (deletes) expect(last).toHaveLength(lines.length);
      }
      expect(new Set(keys).size).toBe(keys.length);
    }),
  );
});

test('the request of a step has its key, its target, and its reply and thread', () => {
  const place = { id: 'row', room: '!r', sends: 3 };
  const key = { uuid: 'row', count: 3 };
  const [send] = plan(inputFor('one')).steps;
  const [edit] = plan(inputFor('two', { copies: shown('one') })).steps;
  const [remove] = plan(inputFor('', { copies: shown('one'), removed: true })).steps;
  if (!send || !edit || !remove) throw new Error('a step is missing');
  expect(operationOf(send, place, { replyTo: 'q', thread: 't' }, 2)).toMatchObject({
    type: 'send',
    key,
    room: '!r',
    replyTo: 'q',
    thread: 't',
    unknownTries: 2,
  });
  expect(operationOf(edit, place)).toMatchObject({ type: 'edit', key, target: 'r0' });
  expect(operationOf(remove, place, {}, 2)).toEqual({
    type: 'delete',
    key,
    room: '!r',
    target: 'r0',
    unknownTries: 2,
  });
  expect(operationOf(send, place)).not.toHaveProperty('thread');
});
