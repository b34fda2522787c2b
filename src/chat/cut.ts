/**
 * The first `most` UTF-16 units of text from outside. An emoji that is cut in half becomes a replacement character: half of
 * one is no text, and Postgres takes it in no JSON.
 */
export function cut(text: string, most: number): string {
  return text.slice(0, most).toWellFormed();
}
