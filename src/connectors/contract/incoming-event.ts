import type { InteractionTarget } from './operation.ts';

export interface Sender {
  /** The account's id on the platform, for example `@ann:example.org`. */
  readonly accountId: string;
  /** Display name; hostile text, never trusted. */
  readonly name: string;
  readonly bot: boolean;
  readonly guest: boolean;
}

interface IncomingBase {
  /** Unique for this connector for ever: the platform's event id. A repeat with the same id is dropped. */
  readonly id: string;
  readonly room: string;
  /** A conversation with one person: no prefix is needed. */
  readonly direct: boolean;
  readonly sender: Sender;
  /** The platform's own timestamp. */
  readonly at: Date;
}

/** Something that happened in a room and was not done by this bot itself. */
export type IncomingEvent =
  | (IncomingBase & {
      readonly type: 'message';
      /** Plain text as typed, platform link markup resolved to text. */
      readonly text: string;
      /** The bot is mentioned; the mention itself is removed from `text` where the platform marks it. */
      readonly mentionsBot: boolean;
      /** What the account is called in this room, where the text has it: the bot answers to it as to its own name. */
      readonly names?: readonly string[];
      /** Remote id of the message this one answers. */
      readonly replyTo?: string;
      /** Remote id of the first message of the thread it was written in. */
      readonly thread?: string;
      /** It replaces the text of an earlier message; commands in edits are not run. */
      readonly edits?: string;
    })
  | (IncomingBase & {
      readonly type: 'reaction';
      readonly target: string;
      readonly emoji: string;
      /** It was taken away again. */
      readonly taken: boolean;
    })
  | (IncomingBase & {
      readonly type: 'interaction';
      /** A pressed button or a chosen item: which action of which version of which message. */
      readonly press?: InteractionTarget & { readonly index: number };
      /** Or the words of a slash command. */
      readonly words?: string;
      readonly thread?: string;
      /** How it may be answered so that only whoever did it sees it. */
      readonly respond?: { readonly token: string; readonly until: Date };
    });
