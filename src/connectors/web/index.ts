import { fit } from '../../chat/fit.ts';
import type { Connector, ConnectorEnvironment, JsonObject } from '../connector.ts';
import { MAX_BYTES, web } from './platform.ts';
import { performOn } from './rows.ts';

/** The bot's own pages as a platform: messages are rows, which every replica shows to its readers. */
export function create({ name, pages }: Pick<ConnectorEnvironment, 'name' | 'pages'>): Connector {
  return {
    capabilities: web.capabilities({}),
    async start(host) {
      host.state(true);
    },
    async stop() {},
    render(message, { press }) {
      // Leaves room for the JSON around the message.
      const text = JSON.stringify({ message: fit(message, MAX_BYTES - 1024), press });
      return [{ body: JSON.parse(text) as JsonObject, bytes: Buffer.byteLength(text) }];
    },
    async perform(operation, signal) {
      signal.throwIfAborted();
      const id = await within(signal, performOn(pages.query, name, operation));
      pages.changed(operation.room);
      return id;
    },
  };
}

/** Rejects when the signal aborts. The statement cannot be cancelled, so its outcome is then unknown. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
