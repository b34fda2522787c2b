import { list, map, text } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import { sent } from './mrkdwn.ts';
import { Refusal } from './refusal.ts';

const MAX_BLOCKS = 50;
/** Undocumented: `msg_blocks_too_long` was reported from about this many characters of JSON (bolt-js issues 2509 and 2867). */
const MAX_TOTAL = 13_200;
const BLOCKS = [
  'section',
  'header',
  'divider',
  'context',
  'actions',
  'image',
  'rich_text',
  'markdown',
  'input',
  'video',
  'file',
];
const SELECTS = ['static_select', 'users_select', 'conversations_select', 'channels_select', 'external_select'];
const ELEMENTS = ['button', 'overflow', 'datepicker', 'timepicker', 'checkboxes', 'radio_buttons', ...SELECTS];

/** Checks one list of blocks and collects what is wrong with it, by JSON pointer. */
class Check {
  readonly wrong: string[] = [];
  private readonly actionIds = new Set<string>();
  private readonly blockIds = new Set<string>();

  report(what: string, at: string): void {
    this.wrong.push(`[ERROR] ${what} [json-pointer:${at}]`);
  }

  block(value: Json, at: string): void {
    const block = map(value);
    const type = text(block['type']);
    if (!BLOCKS.includes(type)) return this.report(`unsupported type: ${type}`, `${at}/type`);
    const id = block['block_id'];
    if (typeof id === 'string') {
      if (id.length > 255) this.report('must be less than 256 characters', `${at}/block_id`);
      if (this.blockIds.has(id)) this.report('block_id already exists', `${at}/block_id`);
      this.blockIds.add(id);
    }
    if (type === 'section') this.section(block, at);
    if (type === 'header') this.text(block['text'], `${at}/text`, 150, ['plain_text']);
    if (type === 'markdown') this.length(block['text'], `${at}/text`, 12_000);
    if (type === 'context') {
      this.count(block['elements'], `${at}/elements`, 1, 10);
      list(block['elements']).forEach((element, index) => {
        const isImage = map(element)['type'] === 'image';
        if (isImage) this.image(map(element), `${at}/elements/${index}`);
        else this.text(element, `${at}/elements/${index}`, 3000);
      });
    }
    if (type === 'actions') {
      this.count(block['elements'], `${at}/elements`, 1, 25);
      list(block['elements']).forEach((element, index) => this.element(map(element), `${at}/elements/${index}`));
    }
    if (type === 'image') this.image(block, at);
  }

  private section(block: JsonMap, at: string): void {
    if (block['text'] === undefined && block['fields'] === undefined) this.report('missing required field: text', at);
    if (block['text'] !== undefined) this.text(block['text'], `${at}/text`, 3000);
    if (block['fields'] !== undefined) {
      this.count(block['fields'], `${at}/fields`, 1, 10);
      list(block['fields']).forEach((field, index) => this.text(field, `${at}/fields/${index}`, 2000));
    }
    if (block['accessory'] === undefined) return;
    const accessory = map(block['accessory']);
    if (accessory['type'] === 'image') this.image(accessory, `${at}/accessory`);
    else this.element(accessory, `${at}/accessory`);
  }

  private element(element: JsonMap, at: string): void {
    const type = text(element['type']);
    if (!ELEMENTS.includes(type)) return this.report(`unsupported type: ${type}`, `${at}/type`);
    const id = element['action_id'];
    if (typeof id === 'string') {
      if (id === '' || id.length > 255) this.report('must be less than 256 characters', `${at}/action_id`);
      if (this.actionIds.has(id)) this.report('`action_id` already exists', `${at}/action_id`);
      this.actionIds.add(id);
    }
    if (type === 'button') {
      this.text(element['text'], `${at}/text`, 75, ['plain_text']);
      if (element['value'] !== undefined) this.length(element['value'], `${at}/value`, 2000);
      if (element['url'] !== undefined) this.length(element['url'], `${at}/url`, 3000);
      if (element['style'] !== undefined && !['primary', 'danger'].includes(text(element['style'])))
        this.report('must be a valid enum value', `${at}/style`);
      if (element['confirm'] !== undefined) this.confirm(map(element['confirm']), `${at}/confirm`);
    }
    if (element['placeholder'] !== undefined)
      this.text(element['placeholder'], `${at}/placeholder`, 150, ['plain_text']);
    if (type === 'overflow') this.options(element['options'], `${at}/options`, 5);
    if (type !== 'static_select') return;
    if ((element['options'] === undefined) === (element['option_groups'] === undefined))
      return this.report('must provide either options or option_groups', at);
    if (element['options'] !== undefined) return this.options(element['options'], `${at}/options`, 100);
    this.count(element['option_groups'], `${at}/option_groups`, 1, 100);
    list(element['option_groups']).forEach((group, index) => {
      this.text(map(group)['label'], `${at}/option_groups/${index}/label`, 75, ['plain_text']);
      this.options(map(group)['options'], `${at}/option_groups/${index}/options`, 100);
    });
  }

  private confirm(confirm: JsonMap, at: string): void {
    this.text(confirm['title'], `${at}/title`, 100, ['plain_text']);
    this.text(confirm['text'], `${at}/text`, 300);
    this.text(confirm['confirm'], `${at}/confirm`, 30, ['plain_text']);
    this.text(confirm['deny'], `${at}/deny`, 30, ['plain_text']);
  }

  private options(value: Json | undefined, at: string, max: number): void {
    this.count(value, at, 1, max);
    list(value).forEach((option, index) => {
      this.text(map(option)['text'], `${at}/${index}/text`, 75);
      this.length(map(option)['value'], `${at}/${index}/value`, 150);
      if (map(option)['description'] !== undefined)
        this.text(map(option)['description'], `${at}/${index}/description`, 75);
    });
  }

  private image(image: JsonMap, at: string): void {
    this.length(image['alt_text'], `${at}/alt_text`, 2000);
    if (image['image_url'] === undefined && image['slack_file'] === undefined)
      this.report('missing required field: image_url', at);
    if (image['image_url'] !== undefined && !/^https?:\/\/.{1,2990}$/.test(text(image['image_url'])))
      this.report('invalid url', `${at}/image_url`);
  }

  private text(value: Json | undefined, at: string, max: number, types = ['plain_text', 'mrkdwn']): void {
    const object = map(value);
    if (!types.includes(text(object['type']))) return this.report('failed to match all allowed schemas', at);
    this.length(object['text'], `${at}/text`, max);
  }

  private length(value: Json | undefined, at: string, max: number): void {
    if (typeof value !== 'string') return this.report('must be a string', at);
    if (value === '') this.report('must be more than 0 characters', at);
    if (value.length > max) this.report(`must be less than ${max + 1} characters`, at);
  }

  private count(value: Json | undefined, at: string, min: number, max: number): void {
    if (!Array.isArray(value)) return this.report('must be an array', at);
    if (value.length < min) this.report(`no less than ${min} items allowed`, at);
    if (value.length > max) this.report(`no more than ${max} items allowed`, at);
  }
}

/**
 * The blocks as Slack stores them: each with an id, plain text with `emoji`, mrkdwn with `verbatim`.
 * @throws {Refusal} for what Slack does not accept.
 */
export function acceptBlocks(value: Json, newId: () => string): Json[] {
  if (!Array.isArray(value) || value.some((block) => typeof map(block)['type'] !== 'string'))
    throw new Refusal('invalid_blocks_format');
  const check = new Check();
  if (value.length > MAX_BLOCKS) check.report(`no more than ${MAX_BLOCKS} items allowed`, '/blocks');
  value.forEach((block, index) => check.block(block, `/blocks/${index}`));
  if (check.wrong.length > 0)
    throw new Refusal('invalid_blocks', { errors: [...check.wrong], response_metadata: { messages: check.wrong } });
  if (JSON.stringify(value).length > MAX_TOTAL) throw new Refusal('msg_blocks_too_long');
  return value.map((block) => ({ block_id: newId(), ...map(normal(block)) }));
}

function normal(value: Json): Json {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return value;
  if (value['type'] === 'plain_text') return { emoji: true, ...value };
  if (value['type'] === 'mrkdwn') return { verbatim: false, ...value, text: sent(text(value['text'])) };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, normal(inner)]));
}
