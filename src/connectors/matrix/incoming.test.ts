import fc from 'fast-check';
import { memoryEnvironment } from '../../../test/fakes/matrix/world.ts';
import { fastestMs } from '../../../test/harness/fastest.ts';
import type { JsonObject, JsonValue } from '../connector.ts';
import { targetOf, toIncoming } from './incoming.ts';
import { readMention, stripReplyFallback } from './mention.ts';
import { Reactions } from './reactions.ts';

const myself = { userId: '@bell:e.org', displayName: 'Watchbell' };
const reactions = await Reactions.load(memoryEnvironment({}).state);
const around = { room: '!r:e.org', direct: false, myself, reactions, nameOf: () => 'Ann\u202e Li' };

function event(content: JsonObject, type = 'm.room.message', more: JsonObject = {}): JsonObject {
  return { type, event_id: '$e', sender: '@ann:e.org', origin_server_ts: 1000, content, ...more };
}

const LINK = 'https://matrix.to/#/@bell:e.org';

test('a link to another account becomes its name, and other links stay as typed', () => {
  const typed = (body: string) => toIncoming(event({ msgtype: 'm.text', body }), around);
  expect(typed('page [Ann Li](https://matrix.to/#/@ann:e.org) [now](https://e.org)')).toMatchObject({
    text: 'page Ann Li [now](https://e.org)',
    mentionsBot: false,
  });
  for (const body of ['see https://e.org/#/x', '[a](https://matrix.to/#/#ops:e.org)', '[b](https://e.org/#/user/)'])
    expect(typed(body)).toMatchObject({ text: body, mentionsBot: false });
});

test('a mention that the client marked is found anywhere and removed', () => {
  const found = (...given: [string, string | undefined, string[]]) => readMention(...given, myself);
  expect(found('please Watchbell help', undefined, ['@bell:e.org'])).toMatchObject({
    mentioned: true,
    text: 'please help',
  });
  expect(found('hey Watchbell!', `hey <a href="${LINK}">Watchbell</a>!`, [])).toMatchObject({
    mentioned: true,
    text: 'hey!',
  });
  expect(found('thanks', undefined, ['@bell:e.org'])).toMatchObject({ mentioned: true, text: 'thanks' });
  expect(found('x', '<a href="https://matrix.to/#/%zz">y</a>', ['@bob:e.org']).mentioned).toBe(false);
});

test.each([
  ['brackets', '['],
  ['links that do not end', '[a](https://matrix.to/#/@'],
  ['quotes', '"a '],
  ['names', 'watchbell '],
  ['addresses', 'https://matrix.to/#/@bell:e.org'],
  ['quotes of replies', '<mx-reply>'],
])('60 kB of %s are parsed within 100 ms', (_, piece) => {
  const text = piece.repeat(60_000 / piece.length);
  expect(fastestMs(() => readMention(text, text, [], myself))).toBeLessThan(100);
});

test('the reply quote of an older client is removed, but not a quote that somebody typed', () => {
  expect(stripReplyFallback('> <@bell:e.org> 🔴 CRITICAL\n> second\n\nack', '<mx-reply>..</mx-reply>ack')).toBe('ack');
  expect(stripReplyFallback('> <@bell:e.org> x\n\nack', undefined)).toBe('ack');
  expect(stripReplyFallback('> somebody said\n\nno', undefined)).toBe('> somebody said\n\nno');
});

test('replies, threads and edits have the ids of their messages', () => {
  const reply = { body: 'ack', msgtype: 'm.text', 'm.relates_to': { 'm.in_reply_to': { event_id: '$a' } } };
  expect(toIncoming(event(reply), around)).toMatchObject({
    type: 'message',
    text: 'ack',
    replyTo: '$a',
    sender: { name: 'Ann Li', bot: false },
  });
  const thread = {
    body: 'ack',
    msgtype: 'm.text',
    'm.relates_to': {
      rel_type: 'm.thread',
      event_id: '$root',
      is_falling_back: true,
      'm.in_reply_to': { event_id: '$b' },
    },
  };
  expect(toIncoming(event(thread), around)).toEqual(expect.not.objectContaining({ replyTo: '$b' }));
  expect(toIncoming(event(thread), around)).toMatchObject({ thread: '$root' });
  const answered = { ...thread, 'm.relates_to': { ...thread['m.relates_to'], is_falling_back: false } };
  expect(toIncoming(event(answered), around)).toMatchObject({ thread: '$root', replyTo: '$b' });
  const edit = {
    body: '* new',
    msgtype: 'm.text',
    'm.new_content': { body: 'new', msgtype: 'm.text' },
    'm.relates_to': { rel_type: 'm.replace', event_id: '$a' },
  };
  expect(toIncoming(event(edit), around)).toMatchObject({ edits: '$a', text: 'new' });
});

test("notices are from bots; files, the bot's own and redacted messages are ignored", () => {
  expect(toIncoming(event({ body: 'x', msgtype: 'm.notice' }), around)).toMatchObject({ sender: { bot: true } });
  expect(toIncoming(event({ body: 'a.png', msgtype: 'm.image' }), around)).toBeUndefined();
  expect(
    toIncoming(event({ body: 'x', msgtype: 'm.text' }, 'm.room.message', { sender: '@bell:e.org' }), around),
  ).toBeUndefined();
  expect(
    toIncoming(
      event({ body: 'x', msgtype: 'm.text' }, 'm.room.message', { unsigned: { redacted_because: {} } }),
      around,
    ),
  ).toBeUndefined();
});

test('a reaction counts as removed only if its sender removed it', () => {
  const reaction = event({ 'm.relates_to': { rel_type: 'm.annotation', event_id: '$a', key: '👀' } }, 'm.reaction', {
    event_id: '$tap',
  });
  expect(toIncoming(reaction, around)).toMatchObject({ type: 'reaction', target: '$a', emoji: '👀' });
  expect(toIncoming(event({ redacts: '$tap' }, 'm.room.redaction'), around)).toMatchObject({
    type: 'reaction',
    taken: true,
    target: '$a',
    emoji: '👀',
  });
  expect(toIncoming(event({}, 'm.room.redaction', { redacts: '$tap', sender: '@mod:e.org' }), around)).toBeUndefined();
});

test("the bot's own event refers to the message that perform returned", () => {
  expect(targetOf(event({ body: 'x' }))).toBe('$e');
  expect(targetOf(event({ 'm.relates_to': { rel_type: 'm.replace', event_id: '$a' } }))).toBe('$a');
  expect(targetOf(event({ 'm.relates_to': { rel_type: 'm.thread', event_id: '$a' } }))).toBe('$e');
  expect(targetOf(event({}, 'm.room.redaction', { redacts: '$a' }))).toBe('$a');
});

test('whatever an event contains, the result is clean', () => {
  const words = fc.constantFrom(
    'm.text',
    'm.replace',
    'm.thread',
    'm.annotation',
    '$ok',
    '$bad\u0000',
    'a\u0000b',
    '\ud800',
    '',
    '> <@x> y',
  );
  const value: fc.Arbitrary<JsonValue> = fc.oneof(
    words,
    fc.integer(),
    fc.constant(null),
    fc.array(words),
    fc.dictionary(fc.constantFrom('event_id', 'body', '__proto__'), words),
  );
  const relates = fc.record(
    { rel_type: value, event_id: value, key: value, 'm.in_reply_to': value },
    { requiredKeys: [] },
  );
  const content = fc.record(
    {
      body: value,
      msgtype: value,
      formatted_body: value,
      'm.mentions': value,
      'm.relates_to': fc.oneof(relates, value),
      'm.new_content': value,
      redacts: value,
    },
    { requiredKeys: [] },
  );
  const any = fc.record({
    type: fc.constantFrom('m.room.message', 'm.reaction', 'm.room.redaction', 'x'),
    event_id: value,
    sender: value,
    origin_server_ts: value,
    content: fc.oneof(content, value),
    unsigned: value,
  });
  fc.assert(
    fc.property(any, (hostile) => {
      const incoming = toIncoming(hostile as JsonObject, around);
      if (!incoming) return;
      // oxlint-disable-next-line no-control-regex -- Postgres rejects NUL in JSON: one such line would stop the room
      expect(JSON.stringify(incoming)).not.toMatch(/\\u0000|\\ud800|\\u202e/i);
      expect(incoming.id).toMatch(/^\$[\x21-\x7e]+$/);
      expect(Number.isNaN(incoming.at.getTime())).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
