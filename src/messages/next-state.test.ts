import { mergeIntents, type MessageIntent } from './message-intent.ts';
import { isSame, next, type MessageState } from './next-state.ts';

const at = (minute: number): Date => new Date(Date.UTC(2030, 0, 1, 0, minute));
const intent = (more: Partial<MessageIntent> = {}): MessageIntent => ({
  ...{ id: 'w', connector: 'c', room: 'r', skill: 's', key: 'k', queue: 1, content: 'same', line: 'line', ring: false },
  ...{ notBefore: null, until: null, threadKey: null, replyTo: null, thread: null, notify: 'none' },
  ...{ eventId: null, removed: false, ...more },
});
const row = (more: Partial<MessageState> = {}): MessageState => ({
  ...{ id: 'row', queue: 1, content: 'same', line: 'line', version: 3, ring_version: 1, removed: false, fold: null },
  ...{ not_before: null, until: null, notify: 'none', state: 'live', pending: false, delivered_version: 3 },
  ...{ fold_is_under_way: false, ...more },
});

test.each<[string, Partial<MessageIntent>, Partial<MessageState> | undefined, boolean]>([
  ['what was never there is to be written', {}, undefined, false],
  ['what was never there need not be taken away', { removed: true }, undefined, true],
  ['the same is the same', {}, {}, true],
  ['the same while it waits is the same', {}, { pending: true }, true],
  ['other words', { content: 'other' }, {}, false],
  ['another line in the digest', { line: null }, {}, false],
  ['a ring', { ring: true }, {}, false],
  ['taken away', { removed: true }, {}, false],
  ['taken away before', { removed: true }, { removed: true }, true],
  ['wanted again', {}, { removed: true }, false],
  ['dropped, and wanted again', {}, { state: 'dropped' }, false],
  ['dropped, and taken away before', { removed: true }, { state: 'dropped', removed: true }, true],
  ['a dead letter that says the same', {}, { state: 'dead' }, true],
  ['another time while it waits', { notBefore: at(2) }, { pending: true, not_before: at(1) }, false],
  ['the same time while it waits', { notBefore: at(1) }, { pending: true, not_before: at(1) }, true],
  ['another end while it waits', { until: at(2) }, { pending: true, until: at(1) }, false],
  ['another time once it is shown', { notBefore: at(2) }, { not_before: at(1) }, true],
])('nothing to write? %s', (_, want, standing, same) => {
  expect(isSame(intent(want), standing && row(standing))).toBe(same);
});

test.each<[string, Partial<MessageIntent>, Partial<MessageState> | undefined, object]>([
  ['begins', {}, undefined, { id: 'w', is_new: true, version: 1, ring_version: 0, anew: true, moves: true }],
  ['begins with a ring', { ring: true }, undefined, { version: 1, ring_version: 1 }],
  ['changes', { content: 'x' }, {}, { id: 'row', is_new: false, version: 4, ring_version: 1, anew: true, moves: true }],
  ['rings', { ring: true }, {}, { version: 4, ring_version: 2 }],
  ['changes while it waits: it keeps its place', {}, { pending: true }, { version: 4, anew: false, moves: false }],
  ['becomes urgent while it waits', { queue: 0 }, { pending: true }, { queue: 0 }],
  ['stays urgent while it waits', { queue: 1 }, { pending: true, queue: 0 }, { queue: 0 }],
  ['was urgent, and is shown', { queue: 1 }, { queue: 0 }, { queue: 1 }],
  ['somebody wants to know', { notify: 'lost' }, {}, { notify: 'lost' }],
  ['somebody wants to know all', { notify: 'lost' }, { notify: 'fate' }, { notify: 'fate' }],
  ['changes in its digest', { content: 'x' }, { fold: 'd' }, { fold: 'd' }],
  ['rings before its digest was shown', { ring: true }, { fold: 'd', delivered_version: 0 }, { fold: 'd' }],
  ['rings after its digest was shown', { ring: true }, { fold: 'd' }, { fold: null }],
  ['gets a time of its own', { notBefore: at(1) }, { fold: 'd' }, { fold: null }],
  ['gets an end of its own', { until: at(1) }, { fold: 'd' }, { fold: null }],
  [
    'gets a time while its digest is under way',
    { notBefore: at(1) },
    { fold: 'd', fold_is_under_way: true },
    { fold: 'd' },
  ],
])('a row that %s', (_, want, standing, expected) => {
  expect(next(intent(want), standing && row(standing))).toMatchObject(expected);
});

test('what one handler says under a key twice is said once, the last words with the ring and the hurry of both', () => {
  const said = [
    intent({ id: '1', content: 'first', ring: true, queue: 0 }),
    intent({ id: '2', content: 'elsewhere', room: 'other' }),
    intent({ id: '3', content: 'last' }),
    intent({ id: '4', key: null }),
    intent({ id: '5', key: null }),
  ];
  expect(mergeIntents(said)).toMatchObject([
    { id: '3', content: 'last', ring: true, queue: 0 },
    { id: '2', content: 'elsewhere', ring: false, queue: 1 },
    { id: '4' },
    { id: '5' },
  ]);
});
