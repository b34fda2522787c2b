import type { InteractionTarget } from './operation.ts';

export interface Sender {
  /** The account's id on the platform, for example `@ann:example.org`. */
  readonly accountId: string;
  /** Display name: untrusted text. */
  readonly name: string;
  readonly bot: boolean;
  readonly guest: boolean;
}

interface IncomingBase {
  /** The platform's event id, unique for this connector forever. A repeat with the same id is ignored. */
  readonly id: string;
  readonly room: string;
  /** A conversation with one person, where no prefix is needed. */
  readonly direct: boolean;
  readonly sender: Sender;
  /** The platform's own timestamp. */
  readonly at: Date;
}

/** Something that happened in a room and was not done by this bot. */
export type IncomingEvent =
  | (IncomingBase & {
      readonly type: 'message';
      /** Plain text as typed, with the platform's link markup resolved to text. */
      readonly text: string;
      /** The bot is mentioned; the mention itself is removed from `text` where the platform marks it. */
      readonly mentionsBot: boolean;
      /** Names of the bot's account in this room that the text contains; the bot answers to them too. */
      readonly names?: readonly string[];
      /** Remote id of the message that this one replies to. */
      readonly replyTo?: string;
      /** Remote id of the first message of the thread it was written in. */
      readonly thread?: string;
      /** Remote id of the message that this one edits; commands in edits are not run. */
      readonly edits?: string;
    })
  | (IncomingBase & {
      readonly type: 'reaction';
      readonly target: string;
      readonly emoji: string;
      /** The reaction was removed. */
      readonly taken: boolean;
    })
  | (IncomingBase & {
      readonly type: 'interaction';
      /** A pressed button or chosen item: the message, its version and the index of the action. */
      readonly press?: InteractionTarget & { readonly index: number };
      /** Or the text of a slash command. */
      readonly words?: string;
      readonly thread?: string;
      /** The platform's token for a private reply, valid until then. */
      readonly respond?: { readonly token: string; readonly until: Date };
    });
