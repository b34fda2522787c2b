import { createHash } from 'node:crypto';
import type { Operation } from '../../src/connectors/connector.ts';
import { prune } from '../../src/db/prune.ts';
import { defineSkill, z } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const drawer = defineSkill({
  name: 'drawer',
  options: z.object({}),
  commands: {
    'draw {text}': {
      help: 'shows a file',
      run: async ({ file, post, room, args }) => {
        const text = String(args['text']);
        const shown = await file({ name: `${text}.csv`, mediaType: 'text/csv', alt: `a table`, bytes: bytesOf(text) });
        await post(room, 'drawing', { text: 'Look', files: [shown] });
      },
    },
    'twice {text}': {
      help: 'shows a file twice',
      run: async ({ file, post, room, args }) => {
        const text = String(args['text']);
        const shown = await file({ name: `${text}.csv`, mediaType: 'text/csv', alt: `a table`, bytes: bytesOf(text) });
        await post(room, 'twice', { text: 'Look', files: [shown, shown] });
      },
    },
    large: {
      help: 'is too large',
      run: async ({ file }) => {
        await file({ name: 'x', mediaType: 'text/plain', bytes: new Uint8Array(8 * 1024 * 1024 + 1) });
      },
    },
  },
});

let bot: TestBot;
let asked: Operation[];
beforeEach(async () => {
  bot = await startTestBot({ skills: [drawer] });
  asked = [];
  bot.platform.before = (operation) => void asked.push(operation);
});
afterEach(() => bot.stop());

const types = (): string[] => asked.map(({ type }) => type);
const shownBytes = (): (string | undefined)[] =>
  bot.messages().map(({ file }) => file && Buffer.from(file.bytes).toString());
const files = () => bot.query<{ hash: string }>('select hash from files');

test('a file is uploaded once and shown after the text, and a changed one replaces it', async () => {
  await bot.say('draw one');
  expect(types()).toEqual(['send', 'upload', 'send']);
  expect(bot.texts()).toEqual(['Look', 'a table']);
  expect(shownBytes()).toEqual([undefined, 'one']);
  expect(new Set(asked.map(({ key }) => `${key.uuid} ${key.count}`)).size).toBe(3);
  await bot.say('draw two');
  expect(types().slice(3)).toEqual(['upload', 'edit']);
  expect(shownBytes()).toEqual([undefined, 'two']);
});

test('a file that appears twice in a message is uploaded once', async () => {
  await bot.say('twice same');
  expect(types().filter((type) => type === 'upload')).toHaveLength(1);
  expect(shownBytes()).toEqual([undefined, 'same', 'same']);
});

test('an upload whose response is lost is repeated under its key, and the message is shown once', async () => {
  let lost = 0;
  bot.platform.after = ({ type }) => {
    if (type === 'upload' && lost++ === 0) throw new Error('the answer is lost');
  };
  await bot.say('draw one');
  const uploads = asked.filter(({ type }) => type === 'upload');
  expect(uploads).toHaveLength(2);
  expect(uploads[0]?.key).toEqual(uploads[1]?.key);
  expect(shownBytes()).toEqual([undefined, 'one']);
});

test('without uploads the file is sent with its message, and without files it is named', async () => {
  const { capabilities } = bot.platform;
  bot.platform.capabilities = { ...capabilities, files: { maxBytes: 1000, upload: false } };
  await bot.say('draw one');
  expect(types()).toEqual(['send', 'send']);
  expect(shownBytes()).toEqual([undefined, 'one']);
  bot.platform.capabilities = { ...capabilities, files: false };
  await bot.say('draw three', { room: 'elsewhere', direct: true });
  expect(bot.messages('elsewhere').map(({ message }) => message.fields)).toEqual([
    [{ label: 'File', value: 'three.csv (a table), 1 kB, cannot be shown here' }],
  ]);
});

test('a handler that stores a file that is too large fails', async () => {
  expect((await bot.say('large'))[0]).toContain('something failed');
  expect(await files()).toEqual([]);
});

test('a file is kept while a message refers to it', async () => {
  await bot.say('draw one');
  await bot.say('draw two');
  await bot.query(`update files set made_at = made_at - interval '100 days'`);
  await prune(bot.app.database, { eventsMs: 86_400_000, historyMs: 86_400_000 }, () => false);
  await until(async () => (await files()).length === 1);
  expect(await files()).toEqual([{ hash: createHash('sha256').update('two').digest('hex') }]);
});
