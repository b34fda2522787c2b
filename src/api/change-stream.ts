import type { Request, Response } from 'express';
import type { Actor } from '../contract/actor.ts';
import { ALL, type Changes } from '../dispatch/changes.ts';
import { createPlaces } from '../web/places.ts';
import type { Problem } from './problems.ts';

/** Below the 60 s after which common proxies cut an idle response. */
const BEAT_MS = 15_000;
const MOST_STREAMS = 200;
const MOST_OF_ONE = 20;

export interface ChangeStreamsOptions {
  readonly changes: Pick<Changes, 'follow'>;
  /** Whether they may ask this query, or any for `all`. */
  readonly mayRun: (actor: Actor, name: string) => boolean;
  /** Whether whoever asked is still let in. */
  readonly isStillIn: (request: Request) => Promise<boolean>;
  readonly beatMs?: number;
}

const HEADERS = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };

const TOO_MANY: Problem = {
  status: 503,
  sentence: 'too many streams are open: close some of them',
  headers: { 'Retry-After': '10' },
};

/** Server-sent events with the names of queries whose answers may have changed, never what they answer. */
export class ChangeStreams {
  readonly #options: ChangeStreamsOptions;
  readonly #places = createPlaces(MOST_STREAMS, MOST_OF_ONE);
  readonly #open = new Set<Response>();

  constructor(options: ChangeStreamsOptions) {
    this.#options = options;
  }

  /** Begins with `all`. Undefined: it goes on until either side ends it. */
  open(actor: Actor, request: Request, response: Response): Problem | undefined {
    const { changes, mayRun, isStillIn, beatMs = BEAT_MS } = this.#options;
    if (request.method === 'HEAD') return void response.writeHead(200, HEADERS).end();
    const leave = this.#places.take(`${actor.connector} ${actor.accountId}`);
    if (!leave) return TOO_MANY;
    // What a slow reader has not been told: as many names as there are queries at most.
    const waiting = new Set([ALL]);
    const send = (): void => {
      if (response.writableEnded || response.writableLength > 0 || waiting.size === 0) return;
      const names = waiting.has(ALL) ? [ALL] : [...waiting];
      waiting.clear();
      response.write(names.map((name) => `data: ${name}\n\n`).join(''));
    };
    const stop = changes.follow((names) => {
      for (const name of names) if (mayRun(actor, name)) waiting.add(name);
      send();
    });
    let unread = 0;
    const beat = setInterval(() => {
      // Whoever read nothing since the last beat is gone.
      if (unread > 0 && response.writableLength >= unread) response.destroy();
      if (response.writableEnded || response.destroyed) return;
      response.write(': beat\n\n');
      unread = response.writableLength;
      isStillIn(request).then(
        (isIn) => void (isIn || response.end()),
        () => {}, // the database is away
      );
    }, beatMs);
    this.#open.add(response);
    response.on('drain', send).once('close', () => {
      clearInterval(beat);
      this.#open.delete(response);
      stop();
      leave();
    });
    response.writeHead(200, HEADERS);
    send();
    return undefined;
  }

  close(): void {
    for (const response of this.#open) response.end();
  }
}
