import { escape, quote, type Message } from '../../chat/message.ts';
import { pressOf } from './actions.ts';
import { MAX_BLOCKS_CHARACTERS } from './pages.ts';
import { MAX_BYTES } from './platform.ts';
import { renderSlack } from './render.ts';

const uuid = '0b7e1c52-0000-4000-8000-000000000001';
const press = { message: uuid, version: 3 };
interface Shown {
  readonly type: string;
  readonly text?: string | { readonly text: string };
  readonly value?: string;
  readonly elements?: readonly Shown[];
  readonly options?: readonly Shown[];
}
type Body = { readonly text: string; readonly blocks: readonly Shown[] };
const render = (message: Message) => renderSlack(message, { ring: true, press });
const bodyOf = (message: Message) => render(message)[0]?.body as unknown as Body;
const elementsOf = (message: Message) => bodyOf(message).blocks.flatMap(({ elements = [] }) => elements);
const wordsOf = ({ text = '' }: Shown) => (typeof text === 'string' ? text : text.text);

test('a message is rendered as rich text: title, text, fields, code, links', () => {
  const elements = elementsOf({
    title: 'KubePodCrashLooping #12',
    tone: 'critical',
    text: '**api** restarted _often_ `x` [logs](https://a.example/l)\n> said so',
    fields: [{ label: 'since', value: '14:31' }],
    code: 'one\ntwo',
    links: [{ label: 'runbook', url: 'https://a.example/r' }],
  });
  expect(elements).toMatchObject([
    {
      type: 'rich_text_section',
      elements: [
        { type: 'text', text: '🔴 KubePodCrashLooping #12', style: { bold: true } },
        { type: 'text', text: '\n' },
        { text: 'api', style: { bold: true } },
        { text: ' restarted ' },
        { text: 'often', style: { italic: true } },
        { text: ' ' },
        { text: 'x', style: { code: true } },
        { text: ' ' },
        { type: 'link', url: 'https://a.example/l', text: 'logs' },
      ],
    },
    { type: 'rich_text_quote', elements: [{ text: 'said so' }] },
    { type: 'rich_text_section', elements: [{ text: 'since:', style: { bold: true } }, { text: ' 14:31' }] },
    { type: 'rich_text_preformatted', elements: [{ text: 'one\ntwo' }] },
    { type: 'rich_text_section', elements: [{ type: 'link', url: 'https://a.example/r', text: 'runbook' }] },
  ]);
});

test('a lock screen shows the title first', () => {
  expect(bodyOf({ title: 'DiskFull #3', tone: 'warning', text: 'db-1' }).text).toBe('🟠 DiskFull #3\ndb-1');
});

test('external text is never a mention, markup or a link', () => {
  const hostile = '<!channel> <@U1> *b* <https://evil.example|x> & @here';
  const message = {
    title: hostile,
    text: `${escape(hostile)}\n${quote(hostile)}`,
    fields: [{ label: 'l', value: hostile }],
    code: hostile,
  };
  const { text } = bodyOf(message);
  expect(text).not.toMatch(/<[!@h]/);
  expect(text).toContain('&lt;!channel&gt;');
  const inner = elementsOf(message).flatMap(({ elements = [] }) => elements);
  expect(new Set(inner.map(({ type }) => type))).toEqual(new Set(['text']));
  const shown = inner.map(wordsOf).join('\n');
  expect(shown.split(hostile)).toHaveLength(6);
});

test('only valid accounts are mentioned, in the blocks and in the text', () => {
  const message = {
    title: 't',
    mentions: [
      { accountId: 'U012AB3CD', name: 'Ann' },
      { accountId: '<!here>', name: '<!here>' },
    ],
  };
  expect(bodyOf(message).text).toMatch(/\n<@U012AB3CD>$/);
  expect(elementsOf(message).at(-1)?.elements?.slice(-2)).toEqual([
    { type: 'user', user_id: 'U012AB3CD' },
    { type: 'text', text: ', <!here>' },
  ]);
});

const action = (label: string, more = {}) => ({ label, emoji: '👀', command: `secret ${label}`, ...more });

test('up to five actions are buttons with the message, its version and the index, but never the command', () => {
  const actions = [action('Ack'), action('Quiet', { offer: false }), action('Close')];
  const block = bodyOf({ text: 'x', actions }).blocks.at(-1);
  expect(block?.elements?.map(wordsOf)).toEqual(['👀 Ack', '👀 Close']);
  expect(block?.elements?.map(({ value = '' }) => pressOf(value))).toEqual([
    { ...press, index: 0 },
    { ...press, index: 2 },
  ]);
  expect(JSON.stringify(block)).not.toContain('secret');
});

test('more than five actions become one list', () => {
  const actions = Array.from({ length: 7 }, (_, index) => action(`Choice ${index}`));
  const lists = bodyOf({ text: 'x', actions }).blocks.at(-1)?.elements ?? [];
  expect(lists).toMatchObject([{ type: 'static_select' }]);
  const values = lists.flatMap(({ options = [] }) => options).map(({ value = '' }) => value);
  expect(values.map((value) => pressOf(value)?.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(values.filter((value) => value.length > 75)).toEqual([]);
});

test('a message without a press target has no buttons', () => {
  expect(renderSlack({ text: 'x', actions: [action('Ack')] }, { ring: false })[0]?.body).toMatchObject({
    blocks: [{ type: 'rich_text' }],
  });
});

test.each<[string, Message]>([
  ['many words', { text: 'word '.repeat(50_000) }],
  ['one long word', { text: '😀'.repeat(20_000) }],
  ['many short lines', { text: '**a**\n'.repeat(5_000) }],
  ['styles that take more space than their text', { text: '**a** _b_ `c` '.repeat(3_000) }],
  ['escapes', { text: '&<>"'.repeat(5_000), code: '"\\\n'.repeat(5_000) }],
  ['code', { code: 'one\n'.repeat(20_000) }],
  ['fields', { fields: Array.from({ length: 500 }, () => ({ label: 'l'.repeat(500), value: 'v\n'.repeat(50) })) }],
  [
    'links',
    {
      links: Array.from({ length: 50 }, () => ({
        label: 'l'.repeat(3000),
        url: `https://a.example/${'x'.repeat(1900)}`,
      })),
    },
  ],
  ['people', { mentions: Array.from({ length: 500 }, () => ({ accountId: 'U012AB3CD', name: 'Ann' })) }],
])('%s fit the limits of Slack for parts, blocks and characters', (_, message) => {
  const parts = render({ ...message, actions: Array.from({ length: 100 }, (__, index) => action(`${index}`)) });
  expect(parts.length).toBeLessThanOrEqual(20);
  for (const { body, bytes } of parts) {
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
    const { blocks, text } = body as unknown as Body;
    expect(blocks.length).toBeLessThanOrEqual(50);
    expect(JSON.stringify(blocks).length).toBeLessThanOrEqual(MAX_BLOCKS_CHARACTERS);
    expect(text.length).toBeLessThanOrEqual(4_000);
    for (const block of blocks.filter(({ type }) => type === 'rich_text')) {
      const shown = (block.elements ?? []).flatMap(({ elements = [] }) => elements).map(wordsOf);
      expect(shown.join('').length).toBeLessThanOrEqual(3_000);
      expect(shown.every((words) => words.isWellFormed())).toBe(true);
    }
  }
});

test('no line of a long text is lost before the twentieth part', () => {
  const lines = Array.from({ length: 1_500 }, (_, index) => `line ${index} ${'x'.repeat(40)}`);
  const shown = JSON.stringify(render({ text: lines.join('\n') }));
  for (const line of lines) expect(shown).toContain(line);
});

test('a picture and each file are separate parts', () => {
  const file = { name: 'a\nb.csv', mediaType: 'text/csv', hash: 'h', size: 3, alt: 'A <table>' };
  const image = { png: 'aGk=', width: 1, height: 1, alt: 'A graph' };
  expect(render({ text: 'x', image, files: [file] }).slice(1)).toMatchObject([
    { body: { text: 'A graph', image: { png: 'aGk=' } } },
    { body: { text: 'A &lt;table&gt;', file: { name: 'a b.csv' } }, file },
  ]);
});
