import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import express from 'express';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { localTarget } from './address.ts';
import { handleFailure, handleUnknown } from './failure.ts';
import type { Health } from './health.ts';
import type { Intake } from './intake.ts';
import { listen } from './listen.ts';
import { createOpsApp } from './ops.ts';
import { createRouteHandler, type Routes } from './routes.ts';
import { createWebhookHandler } from './webhook.ts';

export interface HttpServerOptions {
  readonly port: number;
  readonly opsPort: number;
  /** Set by a person: a busy port then fails the start instead of taking the next one. */
  readonly portFixed?: boolean;
  readonly opsPortFixed?: boolean;
  /** Default: all addresses. */
  readonly host?: string;
  /** `/bell`: the public port answers below it, and without it where a proxy takes it away. Default: none. */
  readonly basePath?: string;
  readonly maxBodyBytes: number;
  readonly intake: Intake;
  readonly routes?: Routes;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Mounted on the public port, in order, behind helmet. */
  readonly pages?: readonly Pages[];
}

export interface Pages {
  readonly handler: RequestHandler;
  /** Ends what would never end by itself (event streams), when the server drains. */
  close?(): void;
}

export interface DrainOptions {
  /** Requests are taken on for so long: load balancers need it to notice. Default 5,000. */
  readonly acceptForMs?: number;
  /** After so long in total everything still open is cut. Default 15,000. */
  readonly boundMs?: number;
}

export interface HttpServer {
  readonly port: number;
  readonly opsPort: number;
  /** Ends both servers: see `DrainOptions`. A second call waits for the first. Never rejects. */
  drain(options?: DrainOptions): Promise<void>;
}

/**
 * Starts the public and the ops server; resolves when both listen.
 * @throws {StartFailed} a port is not to be had.
 */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { health, metrics, log, host, basePath = '', pages = [] } = options;
  const publicServer = createBoundedServer(createPublicApp(options), basePath);
  const opsServer = createBoundedServer(createOpsApp(health, metrics, log), '');

  const port = await listen(publicServer.server, {
    port: options.port,
    host,
    portFixed: options.portFixed ?? false,
    setting: 'http.port (PORT)',
  });
  let opsPort: number;
  try {
    opsPort = await listen(opsServer.server, {
      port: options.opsPort,
      host,
      portFixed: options.opsPortFixed ?? false,
      setting: 'http.opsPort (OPS_PORT)',
    });
  } catch (error) {
    publicServer.server.close();
    throw error;
  }

  let draining: Promise<void> | undefined;
  return {
    port,
    opsPort,
    drain: (drainOptions = {}) => (draining ??= drain(publicServer, opsServer, pages, drainOptions)),
  };
}

interface BoundedServer {
  readonly server: Server;
  /** Connections on which nothing was asked yet. Browsers and clients open some ahead; Node does not count them as idle. */
  readonly unused: ReadonlySet<Socket>;
}

/** Senders of half requests (on purpose or not) lose their connection; keep-alive outlasts the 60 s of common proxies. */
function createBoundedServer(listener: RequestListener, basePath: string): BoundedServer {
  const unused = new Set<Socket>();
  const answer: RequestListener = (request, response) => {
    unused.delete(request.socket);
    // The page asks for its parts by relative addresses, and needs the slash.
    if (basePath !== '' && request.url === basePath) {
      response.writeHead(308, { Location: `${basePath}/` }).end();
      return;
    }
    request.url = localTarget(request.url ?? '', basePath);
    listener(request, response);
  };
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 2_000, keepAliveTimeout: 65_000 },
    answer,
  );
  server.on('checkContinue', answer);
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  return { server, unused };
}

function createPublicApp({ pages = [], ...options }: HttpServerOptions): express.Express {
  const { log } = options;
  const app = express().disable('x-powered-by').disable('etag').enable('case sensitive routing');
  if (options.routes) app.use('/webhooks', createRouteHandler({ ...options, routes: options.routes }));
  // Before everything that pages need: each middleware costs some of what the commit of a webhook needs.
  app.use('/webhooks', createWebhookHandler(options));
  // Webhooks say for themselves when a body may come, after their secret is checked.
  app.use((request, response, next) => {
    if (request.headers.expect !== undefined) response.writeContinue();
    next();
  });
  // Whether the outside speaks TLS is for whoever terminates it to say; the pages set a content security policy of their own.
  app.use(helmet({ strictTransportSecurity: false, referrerPolicy: { policy: 'same-origin' } }));
  for (const page of pages) app.use(page.handler);
  app.use(handleUnknown);
  app.use(handleFailure(log));
  return app;
}

async function drain(
  publicServer: BoundedServer,
  opsServer: BoundedServer,
  pages: readonly Pages[],
  { acceptForMs = 5_000, boundMs = 15_000 }: DrainOptions,
): Promise<void> {
  const began = performance.now();
  // A client told to close comes back to another replica.
  publicServer.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  await new Promise((resolve) => setTimeout(resolve, acceptForMs));
  for (const page of pages) page.close?.();
  await close(publicServer, boundMs - (performance.now() - began));
  await close(opsServer, 0);
}

/** Resolves when the last connection is gone; those left after `withinMs` are cut. */
function close({ server, unused }: BoundedServer, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), Math.max(0, withinMs));
    // A connection that was busy when `close` ran becomes idle later.
    const sweep = setInterval(() => {
      server.closeIdleConnections();
      for (const socket of unused) socket.destroy();
    }, 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
  });
}
