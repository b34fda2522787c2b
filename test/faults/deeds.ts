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
  /** Says a command to the bot, on another platform. */
  say(words: string): void;
  /** Resolves when the bot has nothing left to do. */
  quiet(): Promise<void>;
  /** Resolves when a request has met the fault. */
  failed(): Promise<void>;
  /** Resolves when the ops room has been told that the token is rejected. */
  lockedOut(): Promise<void>;
}

/** Something the bot does that makes a call, and what people see of it. */
export interface Deed {
  /** Before the fault is armed. */
  readonly prepare?: (cell: Cell) => void | Promise<void>;
  readonly act: (cell: Cell) => void | Promise<void>;
  /** Says what must be shown behind it. Default: a new message in the room. */
  readonly follow?: (cell: Cell, text: string) => void;
  /** What follows is said on the platform: it is not known to the bot at once. */
  readonly isHeard?: boolean;
  /** The room shows this before what follows. */
  readonly room?: (key: string, outcome: Outcome) => readonly unknown[];
  /** The failover shows this for a dead letter. Default: the text of the message; nothing for that of a conversation. */
  readonly lost?: (key: string) => readonly unknown[];
  /** The conversation where it is shown, instead of the room, and what that shows. */
  readonly aside?: 'direct' | 'group';
  readonly there?: (key: string, outcome: Outcome) => readonly string[];
  /** It is retried beside everything else, so nothing must be shown behind it, and a failure is the result of a task. */
  readonly isTask?: boolean;
  readonly isDeletion?: boolean;
  /** It comes another way than what follows. */
  readonly isUnordered?: boolean;
  /** It takes a rejected token to bring it about. */
  readonly isLockedOut?: boolean;
}

async function shown(cell: Cell, key: string, text: string): Promise<void> {
  cell.say(`show ${key} ${text}`);
  await cell.quiet();
}

const onlyIfShown = (text: string, outcome: Outcome): string[] => (outcome === 'shown' ? [text] : []);

/** By what a skill wants. */
export const DEEDS = {
  'new message': { act: ({ say, key }) => say(`show ${key} ${key}`), room: onlyIfShown },
  /** A platform without idempotency keys looks for it first: that request fails. */
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
    aside: 'direct',
  },
  'direct conversation that the person has left': {
    prepare: async ({ bot, say, quiet, platform, account, key }) => {
      say(`write ${platform.type} ${account} before-${key}`);
      await quiet();
      platform.leave?.(account);
      // Within a minute it is not looked at again.
      bot.pass(61_000);
    },
    act: ({ say, platform, account, key }) => say(`write ${platform.type} ${account} ${key}`),
    aside: 'direct',
    there: (key, outcome) => [`before-${key}`, ...onlyIfShown(key, outcome)],
  },
  'group conversation': {
    act: ({ say, platform, account, key }) => say(`open ${platform.type} ${account} ${key}`),
    aside: 'group',
    isTask: true,
    room: (key, outcome) => (outcome === 'shown' ? [] : [`${key} failed`]),
  },
  members: {
    act: ({ say, platform, key }) => say(`count ${platform.type} ${platform.room} ${key}`),
    isTask: true,
    room: (key, outcome) => [outcome === 'shown' ? `${key} found Ann` : `${key} failed`],
  },
  /** The call is in progress all the time: once it has failed, a person says something. */
  hearing: {
    act: async ({ platform, failed, key }) => {
      await failed();
      platform.say(`!answer ${key}`);
    },
    follow: ({ platform }, text) => platform.say(`!answer ${text}`),
    isHeard: true,
    room: onlyIfShown,
  },
  'hearing after the connection was cut': {
    act: async ({ platform, failed, key }) => {
      platform.cut?.();
      await failed();
      platform.say(`!answer ${key}`);
    },
    follow: ({ platform }, text) => platform.say(`!answer ${text}`),
    isHeard: true,
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
} satisfies Readonly<Record<string, Deed>>;
