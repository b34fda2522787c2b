import type { JsonObject } from '../../src/connectors/connector.ts';
import { toIncoming } from '../../src/connectors/matrix/incoming.ts';
import { Reactions } from '../../src/connectors/matrix/reactions.ts';
import { addressed, type Addressing } from '../../src/commands/addressing.ts';
import { memoryEnvironment } from '../fakes/matrix/world.ts';

const myself = { userId: '@bell:e.org', displayName: 'Watchbell' };
const reactions = await Reactions.load(memoryEnvironment({}).state);

/** How the core reads a message: whether it addresses the bot, and the command. */
function read(content: JsonObject): Addressing {
  const event = {
    type: 'm.room.message',
    event_id: '$e',
    sender: '@ann:e.org',
    content: { msgtype: 'm.text', ...content },
  };
  const incoming = toIncoming(event, { room: '!r:e.org', direct: false, myself, reactions, nameOf: () => undefined });
  if (incoming?.type !== 'message') throw new Error('no message');
  return addressed(incoming, ['watchbot', ...(incoming.names ?? [])]);
}

test.each([
  ['Watchbell: help', 'help'],
  ['@bell help', 'help'],
  ['bell, help', 'help'],
  ['@bell:e.org: help', 'help'],
  ['watchbell', ''],
  ['WATCHBELL ack 12', 'ack 12'],
  ['please @Watchbell help', 'please help'],
  ['it is back\nbell: help', 'help'],
])('%s addresses the bot', (body, text) => {
  expect(read({ body })).toMatchObject({ to: 'bot', text });
});

test.each(['bellows help', 'ask bell', 'watchbells', '', 'https://matrix.to/#/@bob:e.org help'])(
  '"%s" does not address the bot',
  (body) => {
    expect(read({ body })).toEqual({ to: 'nobody' });
  },
);

const LINK = 'https://matrix.to/#/@bell:e.org';
const pill = (rest: string): JsonObject => ({
  format: 'org.matrix.custom.html',
  formatted_body: `<a href="${LINK}">Watchbell</a>${rest}`,
});
const mentions = { 'm.mentions': { user_ids: ['@bell:e.org'] } };

test.each<[string, JsonObject]>([
  ['a link, a pill and m.mentions', { body: `[@bell:e.org](${LINK}) ack 3`, ...pill(' ack 3'), ...mentions }],
  ['a link in angle brackets', { body: `[Watchbell](<${LINK}>) ack 3`, ...pill(' ack 3') }],
  ['a quoted name and a link', { body: `"Watchbell" (${LINK}): ack 3`, ...pill(': ack 3') }],
  ['a name and a link', { body: `Watchbell (${LINK}): ack 3` }],
  ['a link with servers in it', { body: `[Bell](${LINK}?via=e.org) ack 3` }],
  ['an encoded link', { body: '[Bell](https://matrix.to/#/%40bell%3Ae.org), ack 3' }],
  ['a link of a web client', { body: '[Bell](https://app.example.org/#/user/@bell:e.org) ack 3' }],
  ['a URI', { body: '[Bell](matrix:u/bell:e.org) ack 3' }],
  ['a name with brackets', { body: `[Bell \\[ops\\]](${LINK}) ack 3` }],
  ['nothing but a link', { body: `${LINK} ack 3` }],
  ['a link further on', { body: `ack [Bell](${LINK}) 3` }],
  ['a link on a later line', { body: `it is back\n[Bell](${LINK}) ack 3\nthanks` }],
  ['a link on a line of its own', { body: `[Bell](${LINK}):\nack 3` }],
  ['a name and a pill', { body: 'Watchbell: ack 3', ...pill(': ack 3'), ...mentions }],
  ['a name and m.mentions', { body: 'Watchbell: ack 3', ...mentions }],
  ['nothing but m.mentions', { body: 'ack 3', ...mentions }],
])('a mention by %s is recognised, and the rest is the command', (_, content) => {
  const line = read(content);
  expect(line).toMatchObject({ to: 'bot', text: 'ack 3' });
  expect(line).not.toHaveProperty('whole');
});

test('a name without @, colon or pill is left to the core', () => {
  expect(read({ body: 'watchbell status' })).toMatchObject({ text: 'status', whole: 'watchbell status' });
  expect(read({ body: 'watchbell status', ...mentions })).toMatchObject({ whole: 'watchbell status' });
  const quote = `<mx-reply><a href="${LINK}">Watchbell</a> said</mx-reply>watchbell status`;
  expect(read({ body: 'watchbell status', formatted_body: quote })).toMatchObject({ whole: 'watchbell status' });
});
