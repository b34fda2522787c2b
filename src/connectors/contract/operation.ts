import type { FileRef } from '../../chat/message.ts';
import type { JsonObject } from './json.ts';

/** The message whose button is pressed, and the version of it that the presser saw. */
export interface InteractionTarget {
  /** The core's own uuid of it. */
  readonly message: string;
  readonly version: number;
}

/** One piece of a message as the platform takes it. `body` is the connector's own, JSON, opaque to the core. */
export interface Part {
  readonly body: JsonObject;
  /** Size as the platform counts it, of the largest request it will need. */
  readonly bytes: number;
  /** The file that this part shows: one of the message's, each in a part of its own. */
  readonly file?: FileRef;
}

/** A file with its bytes. */
export interface FileContent extends FileRef {
  readonly bytes: Uint8Array;
}

/**
 * The idempotency key of one request: unique to it, and repeated for, and only for, a repeat of the very same operation. Each
 * connector encodes it in its own way.
 */
export interface RequestKey {
  readonly uuid: string;
  readonly count: number;
}

/** Who alone sees a message, and the platform's token to answer what that account did, good until then. */
export interface Receiver {
  readonly accountId: string;
  readonly respond?: { readonly token: string; readonly until: Date };
}

/** A key as one word, at most 46 characters of `[0-9a-f.-]`. */
export const keyText = ({ uuid, count }: RequestKey): string => `${uuid}.${count}`;

/** One request to the platform. */
export type Operation =
  | {
      /** Where the upload is a request of its own: resolves to what the platform calls the file from now on. */
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
      /** Remote id of the message this one answers. */
      readonly replyTo?: string;
      /** Remote id of the first message of the thread this one belongs to. */
      readonly thread?: string;
      /** Only this account sees it. */
      readonly to?: Receiver;
      /** Of a part with a file: what its upload resolved to; where there is none, the file. */
      readonly uploads?: readonly string[];
      readonly files?: readonly FileContent[];
      /** How many earlier tries of this key had an unknown outcome; > 0: platforms without keys look before they send. */
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
