import type { Request, RequestHandler, Response } from 'express';
import type { IncomingEvent, Route, RouteAnswer } from '../connectors/connector.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { routeAddress } from './address.ts';
import { MAX_HELD_BYTES, readBytes } from './body.ts';
import { sendProblem } from './problem.ts';

/** The routes of connectors; the core implements it. */
export interface Routes {
  /** The routes of one connector; undefined: no connector of this platform has this name. Rejects if that is unknown now. */
  of(platform: string, name: string): Promise<readonly Route[] | undefined>;
  /** Resolves after the commit. */
  accept(connector: string, events: readonly IncomingEvent[]): Promise<void>;
}

export interface RoutesOptions {
  readonly routes: Routes;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const RETRY_SOON = { 'Retry-After': '1' };

/** Answers `POST /webhooks/PLATFORM/NAME[/…]`, mounted at `/webhooks`; other requests go to the next handler. */
export function createRouteHandler({ routes, metrics, log }: RoutesOptions): RequestHandler {
  let heldBytes = 0;

  async function receive(request: Request, response: Response, route: Route, connector: string): Promise<number> {
    const reject = (status: number, sentence: string, headers = {}): number => {
      sendProblem(request, response, status, sentence, headers);
      return status;
    };
    if (Number(request.headers['content-length'] ?? 0) > route.maxBodyBytes)
      return reject(413, 'the body is too large');
    if (request.headers.expect !== undefined) response.writeContinue();
    let held = 0;
    try {
      const rawBody = await readBytes(request, route.maxBodyBytes, (bytes) => {
        held += bytes;
        heldBytes += bytes;
        return heldBytes <= MAX_HELD_BYTES;
      });
      if (rawBody === 'cut off') return 499;
      if (rawBody === 'too large') return reject(413, 'the body is too large');
      if (typeof rawBody === 'string') return reject(503, 'too many requests at once: send it again', RETRY_SOON);
      let notStored: unknown;
      const accept = (events: readonly IncomingEvent[]): Promise<void> =>
        routes.accept(connector, events).catch((error: unknown) => {
          notStored = error ?? 'unknown';
          throw error;
        });
      const { headers, originalUrl, socket } = request;
      const query = new URL(originalUrl, 'http://localhost').searchParams;
      const call = { headers, rawBody, query, remoteAddress: socket.remoteAddress ?? '' };
      const answer = await route.handle(call, accept).catch((error: unknown) => ({ error }));
      if (notStored !== undefined) {
        log.warn({ connector, reason: messageOf(notStored) }, 'request from a platform could not be stored');
        return reject(503, 'the request could not be stored: send it again', RETRY_SOON);
      }
      if ('error' in answer) {
        log.error(
          { connector, path: route.path, reason: messageOf(answer.error) },
          'request from a platform could not be handled',
        );
        return reject(500, 'internal error: see the log of the bot');
      }
      return send(response, answer);
    } finally {
      heldBytes -= held;
    }
  }

  return async (request, response, next) => {
    const address = routeAddress(request.originalUrl);
    if (!address) return next();
    const { platform, name, path } = address;
    const count = (status: number): void =>
      metrics.webhookRequests.inc({ source: `${platform}/${name}`, code: String(status) });
    try {
      const found = await routes.of(platform, name);
      if (!found) return next();
      const route = found.find((one) => one.path === path);
      if (!route) {
        sendProblem(request, response, 404, `${platform} has no such address: see its documentation`);
        return count(404);
      }
      if (request.method !== 'POST') {
        sendProblem(request, response, 405, 'use POST', { Allow: 'POST' });
        return count(405);
      }
      count(await receive(request, response, route, name));
    } catch (error) {
      log.warn({ connector: name, reason: messageOf(error) }, 'could not get the routes of a connector');
      sendProblem(request, response, 503, 'the bot cannot accept requests now: send it again', RETRY_SOON);
    }
  };
}

function send(response: Response, { status, body, contentType }: RouteAnswer): number {
  const isText = typeof body === 'string';
  const text = body === undefined ? '' : isText ? body : JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
  return status;
}
