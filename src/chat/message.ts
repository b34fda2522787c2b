/** Platform-neutral messages, as skills create them, before a connector renders them. */

/** Meaning of red, orange, blue, green or grey; always shown as a word or sign too, never by colour alone. */
export type Tone = 'critical' | 'warning' | 'info' | 'ok' | 'neutral';

/** A labelled link; `url` is http(s) or mailto, anything else is shown as text. */
export interface Link {
  readonly label: string;
  readonly url: string;
}

/** A button: a command with fixed arguments (`ack 12 13`), run as the person who presses it. */
export interface Action {
  /** The word on the button, for example `Ack`. */
  readonly label: string;
  /** One emoji; where a platform has no buttons the bot adds it as a reaction to tap. */
  readonly emoji: string;
  /** The command it stands for, without a prefix: `ack 12`. */
  readonly command: string;
  /** The command when the reaction is removed: `unack 12`. */
  readonly undo?: string;
  /** Further emojis with the same meaning; understood when tapped, never added by the bot. */
  readonly also?: readonly string[];
  /** False: the emoji is understood but the bot does not add it itself. Default true. */
  readonly offer?: boolean;
}

/** A person to mention, by the account id on the platform of the room it is shown in. */
export interface Mention {
  readonly accountId: string;
  readonly name: string;
}

/** A small picture, up to about 100 kB. */
export interface Image {
  /** PNG in base64. */
  readonly png: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Describes the picture in one line, where pictures cannot be shown and for screen readers. */
  readonly alt: string;
}

/** A stored file, as returned by `context.file`. */
export interface FileRef {
  /** May be hostile if it comes from outside. */
  readonly name: string;
  /** `image/png`, `text/csv`. */
  readonly mediaType: string;
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** Describes the content in one line, for screen readers. */
  readonly alt?: string;
  /** Of a picture, in pixels. */
  readonly width?: number;
  readonly height?: number;
}

/**
 * What a room should show.
 *
 * `text` is a small Markdown: `**bold**`, `_italic_`, `` `code` ``, fenced code, `[label](https://…)`, `> quoted`, lines.
 * External text must pass through `escape()` (a name, a label) or `quote()` (separate lines), or be placed in
 * `fields`, `code` or `title`, which are never interpreted.
 */
export interface Message {
  /** Plain first line, never interpreted; what a lock screen shows. */
  readonly title?: string;
  readonly text?: string;
  readonly tone?: Tone;
  /** Never interpreted. */
  readonly fields?: readonly { readonly label: string; readonly value: string }[];
  readonly links?: readonly Link[];
  /** Shown verbatim in a monospaced block; never interpreted. */
  readonly code?: string;
  /** Shown below everything else. */
  readonly image?: Image;
  /** Each is shown separately below the rest; only its name is shown where a platform does not accept it. */
  readonly files?: readonly FileRef[];
  /** Mentioned in the top-level text, so that they are notified. */
  readonly mentions?: readonly Mention[];
  readonly actions?: readonly Action[];
  /** True for help and replies, but not for alerts: Matrix sends `m.notice`, which notifies nobody. */
  readonly notice?: boolean;
}

/** A string is a message with only `text`. */
export type MessageLike = string | Message;

/** @throws {TypeError} for other values, which skills written in JavaScript may pass. */
export function toMessage(message: MessageLike): Message {
  if (typeof message === 'string') return { text: message };
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    throw new TypeError(
      `a message must be text or an object such as { text }, not ${JSON.stringify(message) ?? typeof message}`,
    );
  return message;
}

const SPECIAL = /[\\`*_[\]<>~|]/g;
const LINE_END = /\r\n?|[\n\u2028\u2029]/g;

/**
 * Makes external text safe inside a line of `text`: shown unchanged, never markup, never a mention of a person or a
 * room. Newlines become spaces, because it could otherwise add lines that look like the bot's; `quote` keeps them.
 */
export function escape(text: string): string {
  return text.replace(LINE_END, ' ').replace(SPECIAL, '\\$&');
}

/** External text as separate lines, each marked as quoted, so that none looks like the bot's own. */
export function quote(text: string): string {
  return text === ''
    ? ''
    : text
        .split(LINE_END)
        .map((line) => `> ${escape(line)}`)
        .join('\n');
}

/** Destination of a message: a connector and the room's id on its platform. */
export interface RoomAddress {
  readonly connector: string;
  readonly room: string;
}
