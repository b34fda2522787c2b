import type { Inline } from '../../chat/markdown.ts';

/** Also with invisible characters in between, and in full width: clients and servers may normalise those. */
const EVERYBODY =
  /[@\uff20\ufe6b](?!\u200d)(?=\p{Default_Ignorable_Code_Point}*[r\uff52][o\uff4f][o\uff4f][m\uff4d])/giu;

/**
 * `@room` notifies everyone on servers with the old push rules; an invisible joiner prevents that. Apply this last: removing or joining
 * text afterwards can produce a new `@room`.
 */
export function defuse(text: string): string {
  return text.replace(EVERYBODY, '$&\u200d');
}

/** The same for each text of a line; link addresses are not changed. */
export function defuseInlines(inlines: readonly Inline[]): Inline[] {
  return inlines.map((inline) =>
    'children' in inline
      ? { ...inline, children: defuseInlines(inline.children) }
      : { ...inline, text: defuse(inline.text) },
  );
}
