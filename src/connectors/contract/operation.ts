import type { FileRef } from '../../chat/message.ts';
import type { JsonObject } from './json.ts';

/** The message with the pressed button, and the version that the person saw. */
export interface InteractionTarget {
  /** The core's uuid of the message. */
  readonly message: string;
  readonly version: number;
}

/** One part of a message for the platform. `body` is the connector's own JSON, opaque to the core. */
export interface Part {
  readonly body: JsonObject;
  /** Size of the largest request for it, as the platform counts. */
  readonly bytes: number;
  /** The file that this part shows; each file of a message has its own part. */
  readonly file?: FileRef;
}

/** A file with its bytes. */
export interface FileContent extends FileRef {
  readonly bytes: Uint8Array;
}

/**
 * The idempotency key of one request: the same for repeats of the same operation, and different for all others. Each connector
 * encodes it in its own way.
 */
export interface RequestKey {
  readonly uuid: string;
  readonly count: number;
}

/** The only account that sees a message, and the platform's token for a reply to it, valid until then. */
export interface Receiver {
  readonly accountId: string;
  readonly respond?: { readonly token: string; readonly until: Date };
}

/** A key as text: at most 46 characters of `[0-9a-f.-]`. */
export const keyText = ({ uuid, count }: RequestKey): string => `${uuid}.${count}`;

/** One request to the platform. */
export type Operation =
  | {
      /** Only with `files.upload`: resolves to the platform's id of the file. */
      readonly type: 'upload';
      readonly key: RequestKey;
      readonly room: string;
      readonly file: FileContent;
      readonly unknownTries: number;
    }
  | {
      readonly type: 'send';
      readonly key: RequestKey;
      readonly room: string;
      readonly part: Part;
      /** Remote id of the message that this one replies to. */
      readonly replyTo?: string;
      /** Remote id of the first message of its thread. */
      readonly thread?: string;
      /** Only this account sees it. */
      readonly to?: Receiver;
      /** For a part with a file: what its upload resolved to, or without uploads the file itself. */
      readonly uploads?: readonly string[];
      readonly files?: readonly FileContent[];
      /** Earlier requests with this key whose outcome is unknown; if > 0, platforms without keys should check before they send. */
      readonly unknownTries: number;
    }
  | {
      readonly type: 'edit';
      readonly key: RequestKey;
      readonly room: string;
      readonly part: Part;
      readonly target: string;
      readonly uploads?: readonly string[];
      readonly files?: readonly FileContent[];
      readonly unknownTries: number;
    }
  | {
      readonly type: 'delete';
      readonly key: RequestKey;
      readonly room: string;
      readonly target: string;
      readonly unknownTries: number;
    }
  | {
      readonly type: 'react';
      readonly key: RequestKey;
      readonly room: string;
      readonly target: string;
      readonly emoji: string;
      readonly unknownTries: number;
    };
