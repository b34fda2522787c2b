import { cut } from './cut.ts';
import type { Message } from './message.ts';

/** Shorter texts are not cut further. */
const MIN_TEXT = 200;
const CUT_FACTOR = 0.8;

/** Cuts a message to at most `maxBytes` of JSON: first its image, then the end of its longest text, then its last fields. */
export function fit(message: Message, maxBytes: number): Message {
  let shown = message;
  while (Buffer.byteLength(JSON.stringify(shown)) > maxBytes) {
    const { image, ...withoutImage } = shown;
    const { text = '', code = '', fields = [] } = shown;
    const longest = text.length >= code.length ? 'text' : 'code';
    const value = shown[longest] ?? '';
    if (image) shown = withoutImage;
    else if (value.length > MIN_TEXT)
      shown = { ...shown, [longest]: `${cut(value, Math.floor(value.length * CUT_FACTOR))}…` };
    else if (fields.length > 0) shown = { ...shown, fields: fields.slice(0, -1) };
    else return { title: cut(message.title ?? '', MIN_TEXT) };
  }
  return shown;
}
