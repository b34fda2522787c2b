import type { Response } from 'express';
import type { WebChat, WebLine } from './web-chat.ts';

/** What a page shows of a room when it connects. */
const HISTORY_LINES = 200;
/** Below the 60 s after which common proxies cut an idle response; the page gives up on a stream silent for three of these. */
const BEAT_MS = 15_000;
/** A reader this far behind starts over with the whole room. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export interface Streams {
  /** Sends the room's last lines whole, then every change, until either side ends it. Rejects before anything is sent. */
  open(room: string, response: Response): Promise<void>;
  close(): void;
}

/** Server-sent events without ids: whoever reconnects gets the room whole, so nothing needs to be remembered of them. */
export function createStreams(chat: WebChat): Streams {
  const open = new Set<Response>();
  return {
    async open(room, response) {
      // Subscribed before the history is read, or a change in between would be missed.
      let early: WebLine[] | undefined = [];
      const send = (event: string, data: unknown): void => {
        if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
        else response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      };
      const unsubscribe = chat.subscribe(room, (changed) => {
        if (early) early.push(...changed);
        else send('changed', changed);
      });
      let history: readonly WebLine[];
      try {
        history = await chat.history(room, HISTORY_LINES);
      } catch (error) {
        unsubscribe();
        throw error;
      }
      if (response.destroyed) {
        unsubscribe();
        return;
      }
      const beat = setInterval(() => send('beat', 0), BEAT_MS);
      open.add(response);
      response.once('close', () => {
        unsubscribe();
        clearInterval(beat);
        open.delete(response);
      });
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
      send('room', history);
      if (early.length > 0) send('changed', early);
      early = undefined;
    },
    close() {
      for (const response of open) response.end();
    },
  };
}
