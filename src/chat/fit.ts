import { cut } from './cut.ts';
import type { Message } from './message.ts';

/** Less than this of a text is not worth cutting further. */
const LEAST = 200;
const KEPT = 0.8;

/** A message that is at most so many bytes of JSON: of its longest text, then of its fields, the end is left out. Pure. */
export function fit(message: Message, maxBytes: number): Message {
  let shown = message;
  while (Buffer.byteLength(JSON.stringify(shown)) > maxBytes) {
    const { image, ...withoutImage } = shown;
    const { text = '', code = '', fields = [] } = shown;
    const longest = text.length >= code.length ? 'text' : 'code';
    const value = shown[longest] ?? '';
    if (image) shown = withoutImage;
    else if (value.length > LEAST) shown = { ...shown, [longest]: `${cut(value, Math.floor(value.length * KEPT))}…` };
    else if (fields.length > 0) shown = { ...shown, fields: fields.slice(0, -1) };
    else return { title: cut(message.title ?? '', LEAST) };
  }
  return shown;
}
