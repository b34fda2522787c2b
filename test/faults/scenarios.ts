import type { TestBot } from '../../src/testing/index.ts';
import type { FaultyPlatform, Outcome } from './faults.ts';

/** One cell of the table while it runs. */
export interface Cell {
  readonly bot: TestBot;
  readonly platform: FaultyPlatform;
  /** Unique in the table: the key and the text of the message that it is about. */
  readonly key: string;
  /** An account of the platform that the bot has not talked to yet. */
  readonly account: string;
  /** Sends a command to the bot from another platform. */
  say(words: string): void;
  /** Resolves when the bot has nothing left to do. */
  quiet(): Promise<void>;
  /** Resolves when a request has met the fault. */
  failed(): Promise<void>;
  /** Resolves when the ops room has been notified that the token is rejected. */
  lockedOut(): Promise<void>;
}

/** Something that makes the bot send a request, and what people see of it. */
export interface Scenario {
  /** Runs before the fault is armed. */
  readonly prepare?: (cell: Cell) => void | Promise<void>;
  readonly act: (cell: Cell) => void | Promise<void>;
  /** Triggers what must be shown after it. Default: a new message in the room. */
  readonly follow?: (cell: Cell, text: string) => void;
  /** The follow-up is sent on the platform, so the bot does not receive it at once. */
  readonly isSentOnPlatform?: boolean;
  /** What the room shows before the follow-up. */
  readonly room?: (key: string, outcome: Outcome) => readonly unknown[];
  /** What the failover room shows for a dead letter. Default: the text, or nothing for a message in a conversation. */
  readonly lost?: (key: string) => readonly unknown[];
  /** Set if it is shown in a conversation instead of the room. */
  readonly conversation?: 'direct' | 'group';
  /** What that conversation shows. Default: the text. */
  readonly there?: (key: string, outcome: Outcome) => readonly string[];
  /** It runs as a task, in parallel to messages: nothing has to be shown after it, and a failure is the task's result. */
  readonly isTask?: boolean;
  readonly isDeletion?: boolean;
  /** It takes a different path from the follow-up, so their order is not fixed. */
  readonly isUnordered?: boolean;
  /** It begins with a rejected token. */
  readonly isLockedOut?: boolean;
}

async function shown(cell: Cell, key: string, text: string): Promise<void> {
  cell.say(`show ${key} ${text}`);
  await cell.quiet();
}

const onlyIfShown = (text: string, outcome: Outcome): string[] => (outcome === 'shown' ? [text] : []);

/** By name. */
export const SCENARIOS = {
  'new message': { act: ({ say, key }) => say(`show ${key} ${key}`), room: onlyIfShown },
  /** On a platform without idempotency keys, the lookup before the retry fails. */
  'new message whose first response was lost': {
    act: ({ platform, say, key }) => {
      platform.lose?.();
      say(`show ${key} ${key}`);
    },
    room: (key) => [key],
    lost: (key) => [expect.stringMatching(`an earlier try may have been shown_\n${key}$`)],
  },
  edit: {
    prepare: (cell) => shown(cell, cell.key, `${cell.key} at first`),
    act: ({ say, key }) => say(`show ${key} ${key}`),
    room: (key, outcome) => [outcome === 'shown' ? key : `${key} at first`],
  },
  delete: {
    prepare: (cell) => shown(cell, cell.key, `${cell.key} at first`),
    act: ({ say, key }) => say(`drop ${key}`),
    room: (key, outcome) => (outcome === 'shown' ? [] : [`${key} at first`]),
    lost: () => [],
    isDeletion: true,
  },
  'reply in a thread': {
    prepare: (cell) => shown(cell, `root-${cell.key}`, `root of ${cell.key}`),
    act: ({ say, key }) => say(`under root-${key} ${key}`),
    room: (key, outcome) => [`root of ${key}`, ...onlyIfShown(key, outcome)],
  },
  reaction: {
    act: ({ say, key }) => say(`offer ${key}`),
    room: (key, outcome) => [outcome === 'shown' ? `${key} 👍` : key],
  },
  file: {
    act: ({ say, key }) => say(`attach ${key}`),
    // Its name is shown instead.
    room: (key, outcome) =>
      outcome === 'dead'
        ? [key]
        : [key, outcome === 'shown' ? `file ${key}.txt` : expect.stringMatching(`^${key}\\.txt`)],
    lost: (key) => [expect.stringContaining(key), `${key}.txt`],
  },
  picture: {
    act: ({ say, key }) => say(`draw ${key}`),
    // Its description is shown instead.
    room: (key, outcome) => [key, outcome === 'shown' ? `file pixel of ${key}` : `pixel of ${key}`],
  },
  'direct conversation': {
    act: ({ say, platform, account, key }) => say(`write ${platform.type} ${account} ${key}`),
    conversation: 'direct',
  },
  'direct conversation that the person has left': {
    prepare: async ({ bot, say, quiet, platform, account, key }) => {
      say(`write ${platform.type} ${account} before-${key}`);
      await quiet();
      platform.leave?.(account);
      // The bot does not check the conversation again within a minute.
      bot.pass(61_000);
    },
    act: ({ say, platform, account, key }) => say(`write ${platform.type} ${account} ${key}`),
    conversation: 'direct',
    there: (key, outcome) => [`before-${key}`, ...onlyIfShown(key, outcome)],
  },
  'group conversation': {
    act: ({ say, platform, account, key }) => say(`open ${platform.type} ${account} ${key}`),
    conversation: 'group',
    isTask: true,
    room: (key, outcome) => (outcome === 'shown' ? [] : [`${key} failed`]),
  },
  members: {
    act: ({ say, platform, key }) => say(`count ${platform.type} ${platform.room} ${key}`),
    isTask: true,
    room: (key, outcome) => [outcome === 'shown' ? `${key} found Ann` : `${key} failed`],
  },
  /** This request is always in progress: after it has failed, a person sends a command. */
  receiving: {
    act: async ({ platform, failed, key }) => {
      await failed();
      platform.say(`!answer ${key}`);
    },
    follow: ({ platform }, text) => platform.say(`!answer ${text}`),
    isSentOnPlatform: true,
    room: onlyIfShown,
  },
  'receiving after the connection was cut': {
    act: async ({ platform, failed, key }) => {
      platform.cut?.();
      await failed();
      platform.say(`!answer ${key}`);
    },
    follow: ({ platform }, text) => platform.say(`!answer ${text}`),
    isSentOnPlatform: true,
    room: onlyIfShown,
  },
  'start after a rejected token': {
    act: async ({ platform, lockedOut, say, key }) => {
      platform.restart?.();
      say(`show ${key} ${key}`);
      await lockedOut();
    },
    room: onlyIfShown,
    isLockedOut: true,
  },
  'private answer': {
    act: ({ platform, key }) => platform.command?.(`whisper ${key}`),
    room: onlyIfShown,
    isUnordered: true,
  },
} satisfies Readonly<Record<string, Scenario>>;
