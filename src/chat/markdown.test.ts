import fc from 'fast-check';
import { fastestMs } from '../../test/harness/fastest.ts';
import { markdownToHtml } from './html.ts';
import { clean, inlinesToPlain, markdownToPlain, parseMarkdown, safeUrl } from './markdown.ts';
import { escape, quote } from './message.ts';

test('bold, italic, code and links become tags in HTML, and lose their marks in plain text', () => {
  const text = 'a **bold** and _thin_ `x < y` [run **book**](https://e.org/a_(b)?c=1&d=2)';
  expect(markdownToHtml(text)).toBe(
    'a <strong>bold</strong> and <em>thin</em> <code>x &lt; y</code> <a href="https://e.org/a_(b)?c=1&amp;d=2">run <strong>book</strong></a>',
  );
  expect(markdownToPlain(text)).toBe('a bold and thin x < y run book (https://e.org/a_(b)?c=1&d=2)');
});

test('lines are kept, and fenced code is a separate block', () => {
  expect(markdownToHtml('one\n\ntwo\n```\na\n <b>\n```\nthree')).toBe(
    'one<br><br>two<pre><code>a\n &lt;b&gt;</code></pre>three',
  );
  expect(markdownToPlain('one\n```sh\nls\n```\ntwo')).toBe('one\nls\ntwo');
});

test('text after a fence that is not a language is not lost', () => {
  expect(markdownToPlain('```two words\nls')).toBe('```two words\nls');
  expect(markdownToPlain('```sh\nls\n``` more\n```\nend')).toBe('ls\n``` more\nend');
});

test('unclosed marks, and underscores inside words, are shown as typed', () => {
  for (const text of [
    '2 ** 3',
    'snake_case_name',
    '[x] done',
    'a ` b',
    '**',
    '****',
    '__init__',
    '[a](b',
    '[[a]',
    'a [b _c] d',
  ])
    expect(markdownToPlain(text)).toBe(text);
  expect(markdownToHtml('**a _b** c_')).toBe('<strong>a _b</strong> c_');
});

test('only http, https and mailto are linked', () => {
  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    'HTTP:x',
    '//e.org',
    'https://e.org/ "onclick=',
    'ftp://e.org/',
  ])
    expect(markdownToHtml(`[x](${url})`)).not.toContain('<a');
  expect(safeUrl('mailto:a@e.org')).toBe('mailto:a@e.org');
  expect(markdownToHtml("[x](https://e.org/'><i>)")).not.toContain('<i>');
});

test('control and bidirectional characters are removed, but not emojis', () => {
  expect(clean('a\u0000b\u202ec\r\nd\u2028e\ud800\t👩‍🚒✔️')).toBe('abc\nd\ne\ufffd\t👩‍🚒✔️');
});

const hostile = fc.string({
  unit: fc.constantFrom(
    '*',
    '_',
    '`',
    '[',
    ']',
    '(',
    ')',
    '\\',
    '<',
    '&',
    '"',
    'a',
    ' ',
    '\n',
    'https://e.org/',
    '😀',
    '|',
    '~',
    '\r',
    '\u2028',
    '> ',
  ),
  maxLength: 60,
});

test('escaped text is shown unchanged on one line, alone, in bold, in code and in a label', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const line = text.replace(/\r\n?|[\n\u2028]/g, ' ');
      expect(markdownToPlain(escape(text))).toBe(line);
      if (line === '') return;
      expect(markdownToPlain(`**${escape(line)}** end`)).toBe(`${line} end`);
      expect(markdownToPlain(`\`${escape(line)}\` end`)).toBe(`${line} end`);
      expect(markdownToPlain(`[${escape(line)}](https://e.org/)`)).toBe(
        line === 'https://e.org/' ? line : `${line} (https://e.org/)`,
      );
    }),
    { numRuns: 500 },
  );
});

test('external text cannot add a line to those of the bot, and when quoted, each of its lines is marked', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(parseMarkdown(`${escape(text)}\nours`).map((block) => block.type)).toEqual(['line', 'line']);
      const blocks = parseMarkdown(`ours\n${quote(text)}\nours`).slice(1, -1);
      const shown = blocks.map((block) => (block.type === 'quote' ? inlinesToPlain(block.children) : undefined));
      expect(shown.join('\n')).toBe(clean(text));
    }),
    { numRuns: 500 },
  );
});

test('quoted lines are one block in HTML, and individually marked in plain text', () => {
  const text = `ours\n${quote('a *b*\n> c')}\nours`;
  expect(markdownToHtml(text)).toBe('ours<blockquote>a *b*<br>&gt; c</blockquote>ours');
  expect(markdownToPlain(text)).toBe('ours\n> a *b*\n> > c\nours');
});

test('an unclosed mark may precede any number of others', () => {
  expect(() => parseMarkdown(`**${'`a` '.repeat(100_000)}`)).not.toThrow();
});

test('for any text, the HTML has only our tags, closed in order', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const open: string[] = [];
      const html = markdownToHtml(text);
      for (const [, slash, tag] of html.matchAll(/<(\/?)([a-z]+)[^>]*>/g)) {
        if (tag === 'br') continue;
        if (slash) expect(open.pop()).toBe(tag);
        else open.push(tag ?? '');
        expect(['strong', 'em', 'code', 'pre', 'a', 'blockquote']).toContain(tag);
      }
      expect(open).toEqual([]);
      expect(html.replace(/<\/?(strong|em|code|pre|br|a|blockquote)( href="[^"<>]*")?>/g, '')).not.toMatch(/[<>]/);
    }),
    { numRuns: 500 },
  );
});

test('hostile input takes linear time', () => {
  const fastest = (text: string): number => fastestMs(() => parseMarkdown(text), 4);
  for (const piece of ['[', '**', '`', '_ ', '[](', '(', '**a _b', '\\', '[a](https://e.org/', '`\\']) {
    const small = fastest(piece.repeat(2000));
    // Eight times the text: 8 when linear, 64 when quadratic.
    expect(fastest(piece.repeat(16_000)) / small).toBeLessThan(45);
  }
  expect(inlinesToPlain([])).toBe('');
});
