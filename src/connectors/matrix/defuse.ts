import type { Inline } from '../../chat/markdown.ts';

/** Also where something that is not seen stands between, and in full width: what a client or server makes of it is not ours to know. */
const EVERYBODY =
  /[@\uff20\ufe6b](?!\u200d)(?=\p{Default_Ignorable_Code_Point}*[r\uff52][o\uff4f][o\uff4f][m\uff4d])/giu;

/**
 * `@room` would ring everybody where the server still knows the old push rules; a joiner inside it changes nothing to the
 * eye. For text that is cleaned and complete: what is taken out, or put together, afterwards can make a new one.
 */
export function defuse(text: string): string {
  return text.replace(EVERYBODY, '$&\u200d');
}

/** The same in each text of a line; addresses of links stay as they are. */
export function defuseInlines(inlines: readonly Inline[]): Inline[] {
  return inlines.map((inline) =>
    'children' in inline
      ? { ...inline, children: defuseInlines(inline.children) }
      : { ...inline, text: defuse(inline.text) },
  );
}
