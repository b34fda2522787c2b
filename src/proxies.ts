import { Agent as HttpAgent, setGlobalProxyFromEnv } from 'node:http';
import type { AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { StartFailed } from './errors.ts';
import { rememberSecret } from './mask.ts';

export interface ProxyVariables {
  readonly HTTP_PROXY?: string;
  readonly HTTPS_PROXY?: string;
  readonly NO_PROXY?: string;
}

/** Addresses of the program itself, never reached through a proxy. */
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '::1', '[::1]'];

let chosen: ProxyVariables = {};

/**
 * Sends outgoing HTTP of all libraries through the proxies from the environment. Applies to the complete
 * process, like Node's own setting. Node itself reads `NODE_EXTRA_CA_CERTS`. Called once, before
 * anything is sent. @throws {StartFailed} naming the variable but never its value, which may contain a password.
 */
export function useProxies(env: Readonly<Record<string, string | undefined>>): void {
  // As with curl, the lower-case name takes precedence.
  const read = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const http = addressOf('HTTP_PROXY', read('HTTP_PROXY'));
  const https = addressOf('HTTPS_PROXY', read('HTTPS_PROXY'));
  if (http === undefined && https === undefined) return;
  chosen = {
    ...(http !== undefined && { HTTP_PROXY: http }),
    ...(https !== undefined && { HTTPS_PROXY: https }),
    NO_PROXY: exceptions(read('NO_PROXY') ?? '').join(','),
  };
  setGlobalProxyFromEnv({ ...chosen });
}

/** The proxies in use, for a library that keeps agents of its own. */
export const proxies = (): ProxyVariables => chosen;

/** Creates an agent for `http.request`, where connections must be kept instead of using Node's global agent. */
export function createAgent(protocol: 'http:' | 'https:', options: AgentOptions): HttpAgent {
  return new (protocol === 'https:' ? HttpsAgent : HttpAgent)({ ...options, proxyEnv: { ...chosen } });
}

/** A name without a scheme means http, as with curl. */
function addressOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = /[\s]/.test(address) ? null : URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new StartFailed(`${name} is not the address of a proxy: write http://HOST:PORT`);
  rememberSecret(address);
  return url.href;
}

/** `example.org` also exempts its subdomains, as with curl and Go; Node's agents need `.example.org` for that. */
function exceptions(text: string): string[] {
  const written = text.split(/[\s,]+/).filter((one) => one !== '');
  return [
    ...written.flatMap((one) => (/^[a-z0-9]/i.test(one) && /[a-z]/i.test(one) ? [one, `.${one}`] : [one])),
    ...LOCAL_HOSTS,
  ];
}
