import type { Connector, JsonObject } from '../connector.ts';
import { web } from './platform.ts';

/**
 * The web chat has no remote: its rows are shown when they are committed (`src/web` serves them, each replica to its own
 * readers), and what is typed there comes in over HTTP. So it has nothing to start and nothing to perform.
 */
export function create(): Connector {
  return {
    capabilities: web.capabilities({}),
    async start(host) {
      host.state(true);
    },
    async stop() {},
    render(message) {
      const text = JSON.stringify({ message });
      return [{ body: JSON.parse(text) as JsonObject, bytes: Buffer.byteLength(text) }];
    },
    async perform() {
      throw new Error('the web chat shows rows as they are committed: nothing is sent to it');
    },
  };
}
