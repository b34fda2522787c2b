import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { codeOf } from '../errors.ts';

export type BodyText =
  { readonly text: string } | { readonly problem: 'too large' | 'cut off' | 'not gzip' | 'unknown encoding' };

/** Reads a request's body as UTF-8, plain or gzip, and stops at `maxBytes` (of the inflated body too). Never rejects. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<BodyText> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && !/^(identity|gzip|x-gzip)$/i.test(encoding)) return { problem: 'unknown encoding' };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return { problem: 'too large' };
  const bytes = await readBytes(request, maxBytes);
  if (typeof bytes === 'string') return { problem: bytes };
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return { text: decode(bytes) };
  return inflate(bytes, maxBytes);
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too large' | 'cut off'> {
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let length = 0;
    const settle = (outcome: Buffer | 'too large' | 'cut off'): void => {
      request.off('data', take).off('end', finish).off('close', cutOff).off('error', cutOff);
      resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > maxBytes) {
        request.pause();
        settle('too large');
      } else if (first === undefined) first = chunk;
      else (more ??= [first]).push(chunk);
    };
    const finish = (): void => settle(more ? Buffer.concat(more, length) : (first ?? Buffer.alloc(0)));
    const cutOff = (): void => settle('cut off');
    request.on('data', take).on('end', finish).on('close', cutOff).on('error', cutOff);
  });
}

function inflate(bytes: Buffer, maxBytes: number): Promise<BodyText> {
  return new Promise((resolve) => {
    gunzip(bytes, { maxOutputLength: maxBytes }, (error, inflated) => {
      if (!error) resolve({ text: decode(inflated) });
      else resolve({ problem: codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'not gzip' });
    });
  });
}

/** Bytes that are not UTF-8 become U+FFFD: an alert with one bad character is worth more than none. */
function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
