import type { Request, Response } from 'express';
import type { Actor } from '../contract/actor.ts';
import { ALL, type Changes } from '../dispatch/changes.ts';
import { createPlaces } from '../web/places.ts';
import type { Problem } from './problems.ts';

/** Below the 60 s after which common proxies close an idle response. */
const BEAT_MS = 15_000;
const MAX_STREAMS = 200;
const MAX_PER_ACTOR = 20;

export interface ChangeStreamsOptions {
  readonly changes: Pick<Changes, 'follow'>;
  /** Whether the actor may use this query, or any for `all`. */
  readonly mayRun: (actor: Actor, name: string) => boolean;
  /** Whether the sender is still authenticated. */
  readonly isStillAuthenticated: (request: Request) => Promise<boolean>;
  readonly beatMs?: number;
}

const HEADERS = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };

const TOO_MANY: Problem = {
  status: 503,
  sentence: 'too many open streams: close some of them',
  headers: { 'Retry-After': '10' },
};

/** Server-sent events with the names of queries whose answers may have changed, never the answers. */
export class ChangeStreams {
  readonly #options: ChangeStreamsOptions;
  readonly #places = createPlaces(MAX_STREAMS, MAX_PER_ACTOR);
  readonly #open = new Set<Response>();

  constructor(options: ChangeStreamsOptions) {
    this.#options = options;
  }

  /** Sends `all` first. Undefined: the stream is open until either side closes it. */
  open(actor: Actor, request: Request, response: Response): Problem | undefined {
    const { changes, mayRun, isStillAuthenticated, beatMs = BEAT_MS } = this.#options;
    if (request.method === 'HEAD') return void response.writeHead(200, HEADERS).end();
    const leave = this.#places.take(`${actor.connector} ${actor.accountId}`);
    if (!leave) return TOO_MANY;
    // Names that a slow reader has not received yet: at most as many as there are queries.
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
      // A client that read nothing since the last beat is gone.
      if (unread > 0 && response.writableLength >= unread) response.destroy();
      if (response.writableEnded || response.destroyed) return;
      response.write(': beat\n\n');
      unread = response.writableLength;
      isStillAuthenticated(request).then(
        (isIn) => void (isIn || response.end()),
        () => {}, // the database is unreachable
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
