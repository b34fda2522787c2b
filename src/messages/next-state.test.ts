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
  ['a new message', {}, undefined, false],
  ['removing what does not exist', { removed: true }, undefined, true],
  ['the same content', {}, {}, true],
  ['the same content while pending', {}, { pending: true }, true],
  ['other content', { content: 'other' }, {}, false],
  ['another line in the digest', { line: null }, {}, false],
  ['a ring', { ring: true }, {}, false],
  ['removing', { removed: true }, {}, false],
  ['removing again', { removed: true }, { removed: true }, true],
  ['posting again after removal', {}, { removed: true }, false],
  ['posting again after it was dropped', {}, { state: 'dropped' }, false],
  ['removing again after it was dropped', { removed: true }, { state: 'dropped', removed: true }, true],
  ['the same content as a dead letter', {}, { state: 'dead' }, true],
  ['another time while pending', { notBefore: at(2) }, { pending: true, not_before: at(1) }, false],
  ['the same time while pending', { notBefore: at(1) }, { pending: true, not_before: at(1) }, true],
  ['another expiry while pending', { until: at(2) }, { pending: true, until: at(1) }, false],
  ['another time after it is shown', { notBefore: at(2) }, { not_before: at(1) }, true],
])('is there nothing to write for %s?', (_, intended, existing, same) => {
  expect(isSame(intent(intended), existing && row(existing))).toBe(same);
});

test.each<[string, Partial<MessageIntent>, Partial<MessageState> | undefined, object]>([
  ['is new', {}, undefined, { id: 'w', is_new: true, version: 1, ring_version: 0, starts_waiting: true, to_end: true }],
  ['is new and rings', { ring: true }, undefined, { version: 1, ring_version: 1 }],
  [
    'changes',
    { content: 'x' },
    {},
    { id: 'row', is_new: false, version: 4, ring_version: 1, starts_waiting: true, to_end: true },
  ],
  ['rings', { ring: true }, {}, { version: 4, ring_version: 2 }],
  [
    'changes while pending keeps its position',
    {},
    { pending: true },
    { version: 4, starts_waiting: false, to_end: false },
  ],
  ['becomes urgent while pending', { queue: 0 }, { pending: true }, { queue: 0 }],
  ['stays urgent while pending', { queue: 1 }, { pending: true, queue: 0 }, { queue: 0 }],
  ['was urgent and is shown', { queue: 1 }, { queue: 0 }, { queue: 1 }],
  ['wants a report if lost', { notify: 'lost' }, {}, { notify: 'lost' }],
  ['wants every report keeps it', { notify: 'lost' }, { notify: 'fate' }, { notify: 'fate' }],
  ['changes while in a digest', { content: 'x' }, { fold: 'd' }, { fold: 'd' }],
  ['rings before its digest is shown', { ring: true }, { fold: 'd', delivered_version: 0 }, { fold: 'd' }],
  ['rings after its digest is shown', { ring: true }, { fold: 'd' }, { fold: null }],
  ['gets a time', { notBefore: at(1) }, { fold: 'd' }, { fold: null }],
  ['gets an expiry', { until: at(1) }, { fold: 'd' }, { fold: null }],
  [
    'gets a time while its digest is being sent',
    { notBefore: at(1) },
    { fold: 'd', fold_is_under_way: true },
    { fold: 'd' },
  ],
])('a row that %s', (_, intended, existing, expected) => {
  expect(next(intent(intended), existing && row(existing))).toMatchObject(expected);
});

test('a key posted twice by one handler is written once, with the last content and the ring and urgency of both', () => {
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
