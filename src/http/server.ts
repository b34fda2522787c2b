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
  /** The port was set explicitly: if it is busy, the start fails instead of trying the next one. */
  readonly portFixed?: boolean;
  readonly opsPortFixed?: boolean;
  /** Default: all addresses. */
  readonly host?: string;
  /** `/bell`: the public port responds below it, and also without it, if a proxy strips it. Default: none. */
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
  /** Called when the server drains, to end open-ended responses (event streams). */
  close?(): void;
}

export interface DrainOptions {
  /** How long requests are still accepted, so that load balancers notice. Default 5,000. */
  readonly acceptForMs?: number;
  /** Total time after which open connections are closed. Default 15,000. */
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
 * @throws {StartFailed} when a port cannot be used.
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
  /** Connections without a request so far. Browsers and clients preconnect; Node does not count these as idle. */
  readonly unused: ReadonlySet<Socket>;
}

/** Incomplete requests are disconnected after a timeout; keep-alive outlasts the 60 s of common proxies. */
function createBoundedServer(listener: RequestListener, basePath: string): BoundedServer {
  const unused = new Set<Socket>();
  const answer: RequestListener = (request, response) => {
    unused.delete(request.socket);
    // The page loads its parts by relative URLs, which need the slash.
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
  // Before the middleware of the pages, which would slow down webhooks.
  app.use('/webhooks', createWebhookHandler(options));
  // Webhooks send their own 100 Continue, after their secret is checked.
  app.use((request, response, next) => {
    if (request.headers.expect !== undefined) response.writeContinue();
    next();
  });
  // HSTS is up to whoever terminates TLS; the pages set their own content security policy.
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
  const started = performance.now();
  // A client whose connection is closed reconnects to another replica.
  publicServer.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  await new Promise((resolve) => setTimeout(resolve, acceptForMs));
  for (const page of pages) page.close?.();
  await close(publicServer, boundMs - (performance.now() - started));
  await close(opsServer, 0);
}

/** Resolves when the last connection is closed; those left after `withinMs` are closed forcibly. */
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
