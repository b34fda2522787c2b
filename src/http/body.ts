import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { codeOf } from '../errors.ts';

export type BodyProblem = 'too large' | 'cut off' | 'not gzip' | 'unknown encoding' | 'too many';
export type BodyText = { readonly text: string } | { readonly problem: BodyProblem };

/** A body above this size is large: it is inflated, parsed and stored one at a time. */
const LARGE_BYTES = 1024 * 1024;
/** Total size of all bodies being received, before inflating. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Memory budget for the bodies of all requests: 40 senders of 23 kB of gzip could inflate to a gigabyte at once. */
export class BodyBudget {
  #held = 0;
  #large: Promise<unknown> = Promise.resolve();

  /**
   * Reads a request's body as UTF-8, plain or gzip, and stops at `maxBytes` (also after inflating). Its memory is reserved
   * until `run` has ended; large bodies run one after another. `admit` gets the raw body, and may reject it.
   */
  async withBody(
    request: IncomingMessage,
    maxBytes: number,
    admit: (raw: Buffer) => boolean,
    run: (body: BodyText) => Promise<void>,
  ): Promise<void> {
    const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (!ENCODINGS.includes(encoding)) return run({ problem: 'unknown encoding' });
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return run({ problem: 'too large' });
    let held = 0;
    const hold = (bytes: number): boolean => {
      held += bytes;
      this.#held += bytes;
      return this.#held <= MAX_HELD_BYTES;
    };
    try {
      const bytes = await readBytes(request, maxBytes, hold);
      if (typeof bytes === 'string') return await run({ problem: bytes });
      if (!admit(bytes)) return;
      const read = (most: number): Promise<BodyText> =>
        encoding === 'identity' ? Promise.resolve({ text: decode(bytes) }) : inflate(bytes, most);
      if (bytes.length <= LARGE_BYTES) {
        const body = await read(Math.min(maxBytes, LARGE_BYTES));
        if ('text' in body || body.problem !== 'too large' || maxBytes <= LARGE_BYTES) return await run(body);
      }
      await this.#alone(async () => run(await read(maxBytes)));
    } finally {
      this.#held -= held;
    }
  }

  #alone(run: () => Promise<void>): Promise<void> {
    const mine = this.#large.then(run);
    this.#large = mine.catch(() => {});
    return mine;
  }
}

const ENCODINGS = ['identity', 'gzip', 'x-gzip'];

/** `hold` decides whether this many more bytes may be held. */
export function readBytes(
  request: IncomingMessage,
  maxBytes: number,
  hold: (bytes: number) => boolean,
): Promise<Buffer | 'too large' | 'cut off' | 'too many'> {
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let length = 0;
    const settle = (outcome: Buffer | 'too large' | 'cut off' | 'too many'): void => {
      request.off('data', take).off('end', finish).off('close', cutOff).off('error', cutOff);
      resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      const fits = hold(chunk.length);
      if (length > maxBytes || !fits) {
        request.pause();
        settle(length > maxBytes ? 'too large' : 'too many');
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

/** Bytes that are not UTF-8 become U+FFFD: an alert with a bad character is better than none. */
function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
