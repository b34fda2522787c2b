import { fit } from '../../chat/fit.ts';
import type { Connector, ConnectorEnvironment, JsonObject } from '../connector.ts';
import { MAX_BYTES, web } from './platform.ts';
import { performOn } from './rows.ts';

/** The bot's own pages as a platform: what is sent to them becomes rows, which every replica shows to its readers. */
export function create({ name, pages }: Pick<ConnectorEnvironment, 'name' | 'pages'>): Connector {
  return {
    capabilities: web.capabilities({}),
    async start(host) {
      host.state(true);
    },
    async stop() {},
    render(message, { press }) {
      // What stands around the message has room beside it.
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

/** A statement cannot be called back: what became of it is then unknown, as of any request. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give));
  });
}
