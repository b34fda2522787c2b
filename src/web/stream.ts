import type { Response } from 'express';
import { createPlaces } from './places.ts';
import type { Following, WebChat } from './web-chat.ts';

/** Below the 60 s after which common proxies close an idle response; the page reconnects after three missed heartbeats. */
const BEAT_MS = 15_000;
/** A reader with more unread data than this gets nothing more, so that its buffer is at most this plus one excerpt. */
const UNREAD_BYTES = 64 * 1024;
/** Open pages. What they have not read is memory, and so many times `MOST_BYTES` is what a replica can give. */
const MAX_STREAMS = 200;
const MAX_PER_SESSION = 20;

export interface StreamSession {
  readonly id: string;
  /** Rejects if that is unknown now. */
  isSignedIn(): Promise<boolean>;
}

export interface Streams {
  /**
   * Sends the room's newest lines, then every change, until either side or the session ends it. Rejects before anything
   * is sent. False: too many are open, and nothing was sent.
   */
  open(room: string, response: Response, session: StreamSession): Promise<boolean>;
  close(): void;
}

/** Server-sent events without ids: after a reconnect the newest lines are sent again, so no state is kept. */
export function createStreams(chat: WebChat, beatMs = BEAT_MS): Streams {
  const places = createPlaces(MAX_STREAMS, MAX_PER_SESSION);
  const open = new Set<Response>();
  return {
    async open(room, response, session) {
      const leave = places.take(session.id);
      if (!leave) return false;
      let hasBegun = false;
      const send = (event: string, data: unknown): void => {
        response.write(Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
      };
      let following: Following;
      try {
        following = await chat.follow(room, {
          isReady: () => hasBegun && !response.writableEnded && response.writableLength < UNREAD_BYTES,
          send: (changed) => send('changed', changed),
        });
      } catch (error) {
        leave();
        throw error;
      }
      if (response.destroyed) {
        following.stop();
        leave();
        return true;
      }
      let unread = 0;
      const beat = setInterval(() => {
        // A client that read nothing since the last beat is gone or stuck.
        if (unread > 0 && response.writableLength >= unread) response.destroy();
        if (response.writableEnded || response.destroyed) return;
        unread = response.writableLength;
        if (unread === 0) send('beat', 0);
        session.isSignedIn().then(
          (isSignedIn) => void (isSignedIn || response.end()),
          () => {}, // the database is unreachable
        );
      }, beatMs);
      open.add(response);
      response.on('drain', following.more).once('close', () => {
        clearInterval(beat);
        open.delete(response);
        following.stop();
        leave();
      });
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
      send('room', following.excerpt);
      hasBegun = true;
      following.more();
      return true;
    },
    close() {
      for (const response of open) response.end();
    },
  };
}
