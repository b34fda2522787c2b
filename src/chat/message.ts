/** The platform-neutral words: what a skill says, before any connector has rendered it. */

/** Red, orange, green, blue or grey, by what it means; always shown as a word or sign too, never as colour alone. */
export type Tone = 'critical' | 'warning' | 'info' | 'ok' | 'neutral';

/** A labelled link; `url` is http(s) or mailto, anything else is shown as text. */
export interface Link {
  readonly label: string;
  readonly url: string;
}

/** Something a reader can press: a command said by whoever presses it, with its arguments frozen (`ack 12 13`). */
export interface Action {
  /** The word on the button, for example `Ack`. */
  readonly label: string;
  /** One emoji; where a platform has no buttons the bot adds it as a reaction to tap. */
  readonly emoji: string;
  /** The command it stands for, without a prefix: `ack 12`. */
  readonly command: string;
  /** The command when the reaction is taken away again: `unack 12`. */
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
  /** What it shows, in a line: said where pictures cannot be shown, and to those who do not see it. */
  readonly alt: string;
}

/** A file that is kept, as `context.file` gives it. */
export interface FileRef {
  /** Hostile where it comes from outside. */
  readonly name: string;
  /** `image/png`, `text/csv`. */
  readonly mediaType: string;
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** What it shows, in a line: for those who do not see it. */
  readonly alt?: string;
  /** Of a picture, in pixels. */
  readonly width?: number;
  readonly height?: number;
}

/**
 * What a room should show.
 *
 * `text` is a small Markdown: `**bold**`, `_italic_`, `` `code` ``, fenced code, `[label](https://…)`, `> quoted`, lines.
 * Whatever comes from outside must pass through `escape()` (a name, a label) or `quote()` (lines of its own), or be placed in
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
  /** Each a part of its own below the rest; named in words where a platform does not take it. */
  readonly files?: readonly FileRef[];
  /** Mentioned in the top-level text, so that they are notified. */
  readonly mentions?: readonly Mention[];
  readonly actions?: readonly Action[];
  /** True for chatter (help, replies): Matrix sends `m.notice`, which rings nobody. Alerts are not chatter. */
  readonly notice?: boolean;
}

/** A string is a message with only `text`. */
export type MessageLike = string | Message;

/** @throws {TypeError} for what a skill written in JavaScript may hand over instead. */
export function toMessage(message: MessageLike): Message {
  if (typeof message === 'string') return { text: message };
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    throw new TypeError(
      `a message is a text or an object such as { text }, not ${JSON.stringify(message) ?? typeof message}`,
    );
  return message;
}

const SPECIAL = /[\\`*_[\]<>~|]/g;
const LINE_END = /\r\n?|[\n\u2028\u2029]/g;

/**
 * Makes text from outside safe inside a line of `text`: shown as it is, never markup, never a mention of a person or a
 * room. Line ends become spaces, or it could add lines that look like the bot's own; `quote` keeps them.
 */
export function escape(text: string): string {
  return text.replace(LINE_END, ' ').replace(SPECIAL, '\\$&');
}

/** Text from outside as lines of their own, each marked as quoted, so that none passes for one of the bot's. */
export function quote(text: string): string {
  return text === ''
    ? ''
    : text
        .split(LINE_END)
        .map((line) => `> ${escape(line)}`)
        .join('\n');
}

/** Where a message goes: a connector and the room's id on its platform. */
export interface RoomAddress {
  readonly connector: string;
  readonly room: string;
}
