/**
 * The first `most` UTF-16 units of text from outside. An emoji that is cut in half, and U+0000, become a replacement
 * character, because Postgres rejects both in JSON.
 */
export function cut(text: string, most: number): string {
  return text.slice(0, most).replaceAll('\u0000', '\ufffd').toWellFormed();
}
