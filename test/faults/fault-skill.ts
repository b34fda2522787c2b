import { randomUUID } from 'node:crypto';
import type { Json } from '../../src/contract/sql.ts';
import { codeOf } from '../../src/errors.ts';
import { defineSkill, defineTask, z } from '../../src/skill.ts';

/** A picture of one pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** By the test clock, which moves fast. */
const TASK_MS = 3_600_000;

/** Null for a permanent failure, which ends the task; any other is thrown, so that the task is retried. */
async function unlessRejected<T extends Json>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'WB_REJECTED') return null;
    throw error;
  }
}

const open = defineTask({
  payload: z.object({ connector: z.string(), uuid: z.string(), account: z.string(), key: z.string() }),
  result: z.object({ connector: z.string(), room: z.string() }).nullable(),
  idempotent: true,
  timeoutMs: TASK_MS,
  run: ({ chat, payload: { connector, uuid, account } }) =>
    unlessRejected(
      chat
        .open({ connector, uuid, people: [account], name: 'Incident' })
        .then((room) => ({ connector, room: room?.room ?? '' })),
    ),
  done: async ({ post }, outcome) => {
    const { key } = outcome.payload;
    if (outcome.ok && outcome.result) await post(outcome.result, key, key);
    else await post('place', key, `${key} failed`);
  },
});

const count = defineTask({
  payload: z.object({ connector: z.string(), room: z.string(), key: z.string() }),
  result: z.array(z.string()).nullable(),
  idempotent: true,
  timeoutMs: TASK_MS,
  run: ({ chat, payload: { connector, room } }) =>
    unlessRejected(chat.members({ connector, room }).then((all) => all.map(({ name }) => name))),
  done: async ({ post }, outcome) => {
    const { key } = outcome.payload;
    await post('place', key, outcome.ok && outcome.result ? `${key} found ${outcome.result.join()}` : `${key} failed`);
  },
});

/** Commands for the fault table, which act in the room `place` of the platform or in a conversation. */
export const faultSkill = defineSkill({
  name: 'fault',
  tasks: { open, count },
  commands: {
    'show {key} {text...}': {
      help: 'shows or changes a message',
      run: ({ post, args: { key, text } }) => post('place', key, text),
    },
    'under {root} {key}': {
      help: 'posts in a thread',
      run: ({ post, args: { key, root } }) => post('place', key, key, { inThreadOf: root }),
    },
    'drop {key}': { help: 'removes a message', run: ({ remove, args: { key } }) => remove('place', key) },
    'offer {key}': {
      help: 'offers an action',
      run: ({ post, args: { key } }) =>
        post('place', key, { text: key, actions: [{ label: 'Seen', emoji: '👍', command: `show ${key} seen` }] }),
    },
    'attach {key}': {
      help: 'posts a file',
      run: async ({ post, file, args: { key } }) => {
        const bytes = Buffer.from(`content of ${key}`);
        const stored = await file({ name: `${key}.txt`, mediaType: 'text/plain', bytes });
        await post('place', key, { text: key, files: [stored] });
      },
    },
    'draw {key}': {
      help: 'posts a picture',
      run: ({ post, args: { key } }) =>
        post('place', key, { text: key, image: { png: PNG, width: 1, height: 1, alt: `pixel of ${key}` } }),
    },
    'write {connector} {account} {key}': {
      help: 'writes to one person',
      run: ({ post, args: { connector, account, key } }) => post({ connector, room: `direct:${account}` }, key, key),
    },
    'open {connector} {account} {key}': {
      help: 'opens a conversation',
      run: async ({ task, args: { connector, account, key } }) =>
        void (await task('open', { connector, account, key, uuid: randomUUID() })),
    },
    'count {connector} {room} {key}': {
      help: 'says who is in a room',
      run: async ({ task, args: { connector, room, key } }) => void (await task('count', { connector, room, key })),
    },
    'whisper {key}': { help: 'answers the asker alone', visibility: 'asker', run: ({ args: { key } }) => key },
    'answer {text...}': { help: 'answers', run: ({ args: { text } }) => text },
  },
});
