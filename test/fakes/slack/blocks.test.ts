import { acceptBlocks } from './blocks.ts';
import type { Json, JsonMap } from './json.ts';
import type { Refusal } from './refusal.ts';

const plain = (text: string): JsonMap => ({ type: 'plain_text', text });
const section = (text: string): JsonMap => ({ type: 'section', text: { type: 'mrkdwn', text } });
const button = (more: JsonMap = {}): JsonMap => ({ type: 'button', text: plain('x'), action_id: 'a', ...more });
const actions = (...elements: Json[]): JsonMap => ({ type: 'actions', elements });
const select = (count: number): JsonMap => ({
  type: 'static_select',
  action_id: 's',
  options: Array.from({ length: count }, (_, index) => ({ text: plain('x'), value: `${index}` })),
});
const buttons = (count: number): JsonMap[] =>
  Array.from({ length: count }, (_, index) => button({ action_id: `a${index}` }));

const accept = (blocks: Json): Json[] => acceptBlocks(blocks, () => 'id');
function refusalOf(blocks: Json): Refusal | undefined {
  try {
    accept(blocks);
    return undefined;
  } catch (error) {
    return error as Refusal;
  }
}

test.each<[string, JsonMap[], string]>([
  [
    'a long section',
    [section('x'.repeat(3001))],
    'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
  ],
  ['an empty section', [section('')], 'must be more than 0 characters [json-pointer:/blocks/0/text/text]'],
  [
    '51 blocks',
    Array.from({ length: 51 }, () => ({ type: 'divider' })),
    'no more than 50 items allowed [json-pointer:/blocks]',
  ],
  [
    'a long header',
    [{ type: 'header', text: plain('x'.repeat(151)) }],
    'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
  ],
  [
    'mrkdwn in a header',
    [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }],
    'failed to match all allowed schemas [json-pointer:/blocks/0/text]',
  ],
  [
    'a long label',
    [actions(button({ text: plain('x'.repeat(76)) }))],
    'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
  ],
  [
    'a long value',
    [actions(button({ value: 'x'.repeat(2001) }))],
    'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
  ],
  [
    'an action id twice',
    [actions(button()), actions(button())],
    '`action_id` already exists [json-pointer:/blocks/1/elements/0/action_id]',
  ],
  ['26 buttons', [actions(...buttons(26))], 'no more than 25 items allowed [json-pointer:/blocks/0/elements]'],
  ['101 options', [actions(select(101))], 'no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]'],
  ['an unknown block', [{ type: 'table_of_mine' }], 'unsupported type: table_of_mine [json-pointer:/blocks/0/type]'],
])('%s is rejected with a JSON pointer', (_, blocks, message) => {
  expect(refusalOf(blocks)).toMatchObject({
    message: 'invalid_blocks',
    extra: { response_metadata: { messages: [`[ERROR] ${message}`] } },
  });
});

test('valid blocks are kept, with ids', () => {
  const given = [section('x & y'), actions(...buttons(24), select(5)), { type: 'divider' }];
  expect(accept(given)).toMatchObject([
    { block_id: 'id', text: { text: 'x &amp; y', verbatim: false } },
    { block_id: 'id', elements: expect.arrayContaining([]) as Json },
    { block_id: 'id' },
  ]);
});

test('anything but a list of blocks is rejected, and so are blocks that are too long in total', () => {
  expect(refusalOf([{ text: 'x' }])?.message).toBe('invalid_blocks_format');
  expect(refusalOf('[]')?.message).toBe('invalid_blocks_format');
  expect(refusalOf(Array.from({ length: 5 }, () => section('x'.repeat(3000))))?.message).toBe('msg_blocks_too_long');
});
