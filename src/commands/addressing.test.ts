import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { addressed, tidy, type Addressing } from './addressing.ts';

const NAMES = ['watchbell', 'bell'];
const said = (text: string, more: { mentionsBot?: boolean; direct?: boolean } = {}): Addressing =>
  addressed({ text, mentionsBot: false, direct: false, ...more }, NAMES);
const to = (by: 'mention' | 'name' | 'direct' | 'prefix', text: string): Addressing => ({ to: 'bot', by, text });
const bare = (text: string, whole: string): Addressing => ({ to: 'bot', by: 'name', text, whole });

test.each([
  'watchbell: ack 12',
  'watchbell, ack 12',
  'watchbell ack 12',
  'Watchbell ack 12',
  'WATCHBELL:ack 12',
  '@watchbell ack 12',
  '@watchbell: ack 12',
  '@watchbell   :  ack 12',
  '  @Watchbell,ack 12',
  'bell: ack 12',
  'ack 12 @watchbell',
  'ack @watchbell 12',
])('"%s" addresses the bot by name', (text) => {
  expect(said(text)).toMatchObject({ to: 'bot', by: 'name', text: 'ack 12' });
});

test('a name alone addresses the bot with an empty text', () => {
  for (const text of ['@watchbell', 'watchbell:', '@watchbell, ']) expect(said(text)).toEqual(to('name', ''));
  expect(said('watchbell')).toEqual(bare('', 'watchbell'));
});

test.each([
  ['Watchbell ack 12', 'ack 12', 'Watchbell ack 12'],
  ['watchbell, anyone?', 'anyone?', 'watchbell, anyone?'],
  ['it broke\n bell is ready.', 'is ready', 'bell is ready'],
])('in "%s" the name may be part of the sentence', (text, rest, whole) => {
  expect(said(text)).toEqual(bare(rest, whole));
});

test.each(['İzleme help', 'İzleme: help', '@İzleme help', 'izleme, help', 'help @İZLEME', 'İİİ\nİzleme help'])(
  '"%s" addresses a bot called İzleme, whose lower-case name is longer',
  (text) => {
    expect(addressed({ text, mentionsBot: false, direct: false }, ['İzleme'])).toMatchObject({
      to: 'bot',
      text: 'help',
    });
  },
);

test.each([
  ['!ack 12', 'ack 12'],
  ['! ack 12', 'ack 12'],
  ['   !ack 12.', 'ack 12'],
  ['!ack 12\nand more below', 'ack 12'],
])('"%s" addresses the bot by prefix', (text, expected) => {
  expect(said(text)).toEqual(to('prefix', expected));
});

test('a direct message always addresses the bot, with its first line', () => {
  expect(said('ack 12\nthanks', { direct: true })).toEqual(to('direct', 'ack 12'));
  expect(said('watchbell: ack 12', { direct: true })).toEqual(to('name', 'ack 12'));
});

test('a mention anywhere addresses the bot, and the first line with text is the command', () => {
  expect(said(' ack 12', { mentionsBot: true })).toEqual(to('mention', 'ack 12'));
  expect(said(': ack 12', { mentionsBot: true })).toEqual(to('mention', 'ack 12'));
  expect(said('\n \n ack 12', { mentionsBot: true })).toEqual(to('mention', 'ack 12'));
  expect(said('', { mentionsBot: true })).toEqual(to('mention', ''));
});

test('with the name on a later line, that line is the command', () => {
  expect(said('it broke again\nwatchbell: ack 12\nthanks')).toEqual(to('name', 'ack 12'));
  expect(said('it broke again\nplease, @watchbell ack 12')).toMatchObject({ to: 'bot', by: 'name' });
  expect(said('it broke again\r\n@watchbell ack 12\r\n')).toEqual(to('name', 'ack 12'));
});

test.each([
  ['zero width space', 'watch\u200bbell: ack 12'],
  ['byte order mark', '\ufeffwatchbell: ack 12'],
  ['right-to-left mark', '\u200fwatchbell: ack\u200e 12'],
  ['override', '\u202ewatchbell: ack 12'],
  ['NUL', 'watchbell:\u0000 ack 12\u0007'],
  ['joiner', '\u2060watchbell: ack 12'],
])('a %s is ignored', (_, text) => {
  expect(said(text)).toEqual(to('name', 'ack 12'));
});

test.each(['ack 12.', 'ack 12:', 'ack 12 ;', ' ack 12...', ': ack 12', ', ack 12 '])('"%s" is trimmed', (text) => {
  expect(tidy(text)).toBe('ack 12');
});

test.each([
  'ack 12',
  'watchbells: ack 12',
  'watchbell-old: ack 12',
  'watchbell.example.org is down',
  'the watchbell rings',
  'ask watchbell: ack 12',
  'mail me@watchbell about it',
  '@watchbells ack 12',
  'see x@watchbell.example.org',
  '@watchbell_2 ack 12',
  'what !ack 12',
  'doorbell: ack 12',
  '',
  '\n\n',
])('"%s" does not address the bot', (text) => {
  expect(said(text)).toEqual({ to: 'nobody' });
});

test('an empty name addresses nobody', () => {
  expect(addressed({ text: ': hello', mentionsBot: false, direct: false }, [''])).toEqual({ to: 'nobody' });
});

test('no text throws, and the result is trimmed, without invisible characters', () => {
  const piece = fc.oneof(
    fc.constantFrom('@watchbell', 'watchbell', ':', '!', '\n', ' ', '\u200b', '\u0000', 'İ', 'ß', '\ud800', 'ack'),
    fc.string({ unit: 'binary', maxLength: 30 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), fc.boolean(), (pieces, mentionsBot, direct) => {
      const line = said(pieces.join(''), { mentionsBot, direct });
      if (line.to === 'nobody') return expect(mentionsBot || direct).toBe(false);
      expect(line.text).toBe(tidy(line.text));
      expect(line.text).not.toMatch(/[\u0000-\u0008\u200b-\u200f\u202e\n]/);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['white space', ' '],
  ['dots', '. '],
  ['names', '@watchbell'],
  ['half names', '@watchbel '],
  ['line ends', '\n'],
  ['lines', 'w\n'],
  ['colons', ':'],
])('30 kB of %s are parsed within half a second', (_, piece) => {
  const line = `!x${piece.repeat(30_000 / piece.length)}x`;
  expect(fastestMs(() => said(line))).toBeLessThan(500);
});
