import { Agent, EnvHttpProxyAgent, fetch as undiciFetch, type Dispatcher } from 'undici';
import { proxies } from '../../proxies.ts';

/** Connections of one connector, through the proxies configured in the environment. */
export interface Transport {
  readonly fetch: typeof fetch;
  /** For web sockets; undefined: no proxy is configured. */
  readonly proxy: Dispatcher | undefined;
  close(): Promise<void>;
}

/**
 * The Socket Mode client depends on undici, so its `fetch` is used for the Web API too: Node's built-in one would be loaded in
 * addition, and its connections could not be closed.
 */
export function createTransport(): Transport {
  const { HTTP_PROXY: httpProxy, HTTPS_PROXY: httpsProxy, NO_PROXY: noProxy } = proxies();
  const proxy =
    httpProxy === undefined && httpsProxy === undefined
      ? undefined
      : new EnvHttpProxyAgent({
          ...(httpProxy !== undefined && { httpProxy }),
          ...(httpsProxy !== undefined && { httpsProxy }),
          ...(noProxy !== undefined && { noProxy }),
        });
  const dispatcher = proxy ?? new Agent();
  const send = (url: unknown, init: object | undefined): unknown => undiciFetch(url as string, { ...init, dispatcher });
  return { fetch: send as typeof fetch, proxy, close: () => dispatcher.destroy() };
}
