import fc from 'fast-check';
import { clean } from '../../chat/markdown.ts';
import { escape, quote, type Message } from '../../chat/message.ts';
import { bodyOf, editContent } from './content.ts';
import { jsonBytes } from './cut.ts';
import { MAX_BYTES, renderMatrix } from './render.ts';

function only(message: Message, ring = false): ReturnType<typeof bodyOf> {
  const parts = renderMatrix(message, { ring });
  expect(parts).toHaveLength(1);
  const [part] = parts;
  if (!part) throw new Error('no part');
  return bodyOf(part);
}

test('a complete message is readable as plain text and as HTML', () => {
  const body = only({
    title: 'CRITICAL prod KubePod <x> #12',
    tone: 'critical',
    text: 'cpu > 90 **now**\nsince 14:31',
    fields: [{ label: 'pod', value: '<b>api</b>' }],
    code: 'a < b\n  c',
    mentions: [{ accountId: '@ann:e.org', name: 'Ann <i>' }],
    links: [
      { label: 'runbook', url: 'https://e.org/r?a=1&b=2' },
      { label: 'bad', url: 'javascript:alert(1)' },
    ],
  });
  expect(body.text).toBe(
    '🔴 CRITICAL prod KubePod <x> #12\ncpu > 90 now\nsince 14:31\npod: <b>api</b>\n  a < b\n    c\nAnn <i>\nrunbook (https://e.org/r?a=1&b=2) · bad (javascript:alert(1))',
  );
  expect(body.html).toBe(
    '<font data-mx-color="#e5484d"><strong>🔴 CRITICAL prod KubePod &lt;x&gt; #12</strong></font><br>cpu &gt; 90 <strong>now</strong><br>since 14:31<br>' +
      '<strong>pod:</strong> &lt;b&gt;api&lt;/b&gt;<pre><code>a &lt; b\n  c</code></pre><a href="https://matrix.to/#/%40ann%3Ae.org">Ann &lt;i&gt;</a><br>' +
      '<a href="https://e.org/r?a=1&amp;b=2">runbook</a> · bad (javascript:alert(1))',
  );
  expect(body.mentions).toEqual(['@ann:e.org']);
});

test("text from outside cannot create a line that looks like the bot's own", () => {
  const forged = 'acked 14:31 UTC by Ann Li';
  const message: Message = {
    title: `CRITICAL x\n${forged}`,
    text: `${quote(`down\r\n${forged}\u2028${forged}`)}\nsince 14:31 UTC · ${escape(`a\n${forged}`)}`,
    fields: [{ label: `a\n${forged}`, value: `b\n${forged}` }],
    code: `c\n${forged}`,
    mentions: [{ accountId: '@ann:e.org', name: `Ann\n${forged}` }],
    links: [{ label: `d\n${forged}`, url: `e\n${forged}` }],
  };
  const { text, html } = only(message);
  expect(text.split('\n').filter((line) => line.startsWith('acked'))).toEqual([]);
  const quoted = `<blockquote>down<br>${forged}<br>${forged}</blockquote>`;
  expect(html).toContain(quoted);
  expect(html?.replaceAll(/<(blockquote|pre)>.*?<\/\1>/gs, '')).not.toMatch(/<br>acked/);
});

test('a quotation that is cut is a quotation in each part', () => {
  const parts = renderMatrix(
    { text: quote('long line\n'.repeat(5_000)) + `\n${quote('x'.repeat(100_000))}` },
    { ring: false },
  );
  expect(parts.length).toBeGreaterThan(2);
  for (const part of parts) {
    const { text, html } = bodyOf(part);
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .every((line) => line.startsWith('> ')),
    ).toBe(true);
    expect(html).toMatch(/^<blockquote>[^]*<\/blockquote>\(/);
    expect(part.bytes).toBeLessThanOrEqual(MAX_BYTES);
  }
});

test('plain lines need no HTML, and a title with its own emoji keeps it', () => {
  expect(only({ text: 'one\ntwo' })).toEqual({ text: 'one\ntwo', html: null, mentions: [], notice: false });
  expect(only({ title: '🟠 ACKED by Ann', tone: 'critical' }).text).toBe('🟠 ACKED by Ann');
});

test('a notice is sent as m.notice unless it should notify', () => {
  expect(only({ text: 'x', notice: true }).notice).toBe(true);
  expect(only({ text: 'x', notice: true }, true).notice).toBe(false);
});

test('text from outside notifies nobody and hides nothing', () => {
  const body = only({
    title: '@room a\u202eb\u0000',
    fields: [{ label: '@Room', value: '@ROOM\r\nx' }],
    text: 'hi @room',
    code: '@room',
  });
  expect(body.text).toBe(
    '@\u200droom ab\n'.trimEnd() + '\nhi @\u200droom\n@\u200dRoom: @\u200dROOM\n> x\n  @\u200droom',
  );
  expect(`${body.text}${body.html}`).not.toMatch(/@room/i);
  expect(body.mentions).toEqual([]);
});

test.each([
  ['a mark of writing direction', '@\u061croom'],
  ['an override', '@\u202eroom\u202c'],
  ['a zero width space', '@\u200broom'],
  ['a byte order mark', '@\ufeffroom'],
  ['a control character', '@\u0000room'],
  ['a control character of ISO 8859', '@\u0085room'],
  ['a soft hyphen', '@\u00adroom'],
  ['a variation selector', '@\ufe0froom'],
  ['full width', '＠ｒｏｏｍ @ＲＯＯＭ ﹫room'],
  ['two of them', '@\u2066\u200broom'],
])('@room does not notify everyone with %s in it', (_, text) => {
  const everywhere: Message = {
    title: text,
    text,
    fields: [{ label: text, value: text }],
    code: text,
    mentions: [{ accountId: '@ann:e.org', name: text }],
    links: [
      { label: text, url: 'https://e.org' },
      { label: text, url: text },
    ],
    image: { png: '', width: 1, height: 1, alt: text },
  };
  for (const part of renderMatrix(everywhere, { ring: true })) {
    const { text: plain, html } = bodyOf(part);
    for (const shown of [plain, html ?? ''])
      expect(
        clean(shown)
          .normalize('NFKC')
          .replaceAll(/[\ufe0f\u00ad]/g, ''),
      ).not.toMatch(/@room/i);
  }
});

test('@room split by markup or by cutting does not notify everyone, and link addresses are unchanged', () => {
  const { text, html } = only({
    text: '@**room** @`room` @_room_ @[room](https://e.org/@room) [x](https://e.org/@room)',
  });
  expect(text).not.toMatch(/@room/i);
  expect(html).toContain('<a href="https://e.org/@room">x</a>');
  const long = renderMatrix({ text: '@**room** '.repeat(9000) }, { ring: false });
  expect(long.length).toBeGreaterThan(1);
  for (const part of long) {
    expect(bodyOf(part).text).not.toMatch(/@room/i);
    expect(part.bytes).toBeLessThanOrEqual(MAX_BYTES);
  }
});

test('a long code block is cut at line ends, and each part has its own block', () => {
  const lines = Array.from({ length: 2000 }, (_, index) => `line ${index} of the output`);
  const parts = renderMatrix({ title: 'output', code: lines.join('\n') }, { ring: false });
  expect(parts.length).toBeGreaterThan(2);
  const bodies = parts.map(bodyOf);
  for (const [index, body] of bodies.entries()) {
    expect(body.text.endsWith(`\n(${index + 1}/${parts.length})`)).toBe(true);
    expect(body.html?.match(/<pre><code>/g)).toHaveLength(1);
    expect(body.html?.match(/<\/code><\/pre>/g)).toHaveLength(1);
  }
  const shown = bodies.flatMap((body) => body.text.split('\n')).filter((line) => line.startsWith('  line '));
  expect(shown).toEqual(lines.map((line) => `  ${line}`));
});

test('a message that is too long ends with the number of omitted lines', () => {
  const parts = renderMatrix(
    { code: Array.from({ length: 60_000 }, () => 'x'.repeat(20)).join('\n') },
    { ring: false },
  );
  expect(parts).toHaveLength(20);
  const last = parts.at(-1);
  expect(last && bodyOf(last).text).toMatch(/… \d+ more lines omitted\n\(20\/20\)$/);
});

const unit = fc.constantFrom(
  'a',
  ' ',
  '\n',
  '"',
  '&',
  '\\',
  '<',
  '😀',
  'é',
  '漢',
  '**',
  '_',
  '`',
  '```\n',
  '[x](https://e.org/?a&b)',
  '\u0007',
  '\ud83d',
  '\udc00',
  '\t',
  '@room',
);
const piece = fc
  .tuple(fc.array(unit, { maxLength: 12 }), fc.integer({ min: 1, max: 4000 }))
  .map(([some, times]) => some.join('').repeat(times).slice(0, 60_000));
const message = fc.record(
  {
    title: piece,
    text: piece,
    code: piece,
    fields: fc.array(fc.record({ label: piece, value: piece }), { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

test('for any message, every part fits as an edit and is well-formed, and no text is lost', () => {
  fc.assert(
    fc.property(message, (any: Message) => {
      const parts = renderMatrix(any, { ring: false });
      expect(parts.length).toBeGreaterThan(0);
      for (const part of parts) {
        const body = bodyOf(part);
        expect(part.bytes).toBeLessThanOrEqual(MAX_BYTES);
        expect(jsonBytes(editContent(body, `$${'x'.repeat(43)}`))).toBeLessThanOrEqual(part.bytes);
        expect(body.text.isWellFormed() && (body.html ?? '').isWellFormed()).toBe(true);
        // oxlint-disable-next-line no-control-regex -- none may be left
        expect(`${body.text}${body.html}`).not.toMatch(/[\u0000-\u0008\u000b-\u001f]|@room/i);
        expect(tagsBalance(body.html ?? '')).toBe(true);
      }
      const emojis = (text: string | undefined): number => text?.toWellFormed().match(/😀/gu)?.length ?? 0;
      const expected =
        emojis(any.title) +
        emojis(any.text) +
        emojis(any.code) +
        (any.fields ?? []).reduce((sum, { label, value }) => sum + emojis(label) + emojis(value), 0);
      const all = parts.map((part) => bodyOf(part).text);
      if (!all.at(-1)?.includes('omitted')) expect(all.reduce((sum, text) => sum + emojis(text), 0)).toBe(expected);
    }),
    { numRuns: 150 },
  );
});

function tagsBalance(html: string): boolean {
  const open: string[] = [];
  for (const [, slash, tag = ''] of html.matchAll(/<(\/?)([a-z]+)[^>]*>/g)) {
    if (tag === 'br') continue;
    if (!slash) open.push(tag);
    else if (open.pop() !== tag) return false;
  }
  return open.length === 0;
}
