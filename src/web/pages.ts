import express from 'express';
import type { NextFunction, Request, Response, Router } from 'express';
import { z } from 'zod';
import type { Sender } from '../connectors/connector.ts';
import { messageOf } from '../errors.ts';
import { sendProblem } from '../http/problem.ts';
import type { Pages } from '../http/server.ts';
import type { Logger } from '../log.ts';
import { loadAssets } from './assets.ts';
import type { Asset } from './assets.ts';
import {
  CONTENT_SECURITY_POLICY,
  unavailableDocument,
  chatDocument,
  loginDocument,
  signedOutDocument,
} from './documents.ts';
import { createPlaces } from './places.ts';
import type { SessionStore } from './session-store.ts';
import { createSessions } from './session.ts';
import type { Sessions } from './session.ts';
import { addSignIn, cookiesOf, rejectOtherSites } from './sign-in.ts';
import { createStreams } from './stream.ts';
import type { Streams } from './stream.ts';
import { ACCOUNT } from './web-chat.ts';
import type { WebChat } from './web-chat.ts';

export interface WebPagesOptions {
  readonly chat: WebChat;
  readonly sessions: SessionStore;
  /** Heading of the page: the bot's name. Default `Watchbell`. */
  readonly title?: string;
  /** Base path of the page: `/bell`. Default: the root. */
  readonly basePath?: string;
  readonly log: Logger;
  /** Reads the current password; undefined: none is set, and only a link of `watchbell sign-in` works. */
  readonly password?: () => Promise<string>;
  /** Name of the page's user in rooms. Default `Local user`. */
  readonly userName?: string;
  /** Default: the clock of this machine. */
  readonly now?: () => Date;
}

const NOT_SIGNED_IN = 'not signed in: reload the page';
const LOG_EVERY_MS = 10_000;
const TOO_MANY = 'too many open pages: close some of them';
/** Limits of excerpts being sent, because unread ones occupy memory. */
const EXCERPTS = { most: 50, ofOneSession: 10, withinMs: 30_000 };

/** Lower-cased, so that a repeat of a line always has the same id. */
const uuid = z.uuid().toLowerCase();
const sendSchema = z.object({
  id: uuid,
  text: z.string().trim().min(1).max(8_000),
  replyTo: z.string().max(200).toLowerCase().optional(),
});
const pressSchema = z.object({
  id: uuid,
  message: z.string().min(1).max(200).toLowerCase(),
  version: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  index: z.int().min(0).max(100),
});
const placeSchema = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/**
 * The chat page at `/` and its API under `/web/`. Everything except its assets and the sign-in requires a session. Its
 * URLs are relative, so that it works behind a proxy with any base path.
 */
export function createWebPages(options: WebPagesOptions): Pages {
  const { chat, title = 'Watchbell', basePath = '', log, password, userName = 'Local user' } = options;
  const { now = () => new Date() } = options;
  const sessions = createSessions({ store: options.sessions, password, now });
  const streams = createStreams(chat);
  const sender: Sender = { accountId: ACCOUNT, name: userName, bot: false, guest: false };
  const router = express.Router();
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  router.use((_request, response, next) => {
    response.set({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'Cache-Control': 'no-store' });
    next();
  });

  // Loaded on the first visit: most replicas never get one, and stripping types costs memory.
  router.get('/assets/{*path}', async (request, response, next) => {
    assets ??= loadAssets().catch((error: unknown) => {
      assets = undefined;
      throw error;
    });
    const asset = (await assets).get(request.path);
    if (!asset) return next();
    response.set({ 'Content-Type': asset.type, 'Cache-Control': 'no-cache', ETag: asset.etag });
    if (request.headers['if-none-match'] === asset.etag) response.status(304).end();
    else response.send(asset.content);
  });

  router.get('/', async (request, response) => {
    if ((await sessions.find(cookiesOf(request))) !== undefined) response.send(chatDocument(title));
    else response.status(401).send(password ? loginDocument(title) : signedOutDocument(title));
  });
  addSignIn(router, { sessions, title, cookiePath: basePath || '/', log, hasPassword: password !== undefined });

  router.use('/web', async (request, response, next) => {
    const session = await sessions.find(cookiesOf(request));
    if (session === undefined) sendProblem(request, response, 401, NOT_SIGNED_IN);
    else if (request.method === 'GET' || !rejectOtherSites(request, response)) {
      response.locals['session'] = session;
      next();
    }
  });
  addReadRoutes(router, { chat, streams, sessions, sender });
  addWriteRoutes(router, { chat, sender });
  router.use(handleUnavailable(title, log));
  return { handler: router, close: streams.close };
}

interface ChatRoutes {
  readonly chat: WebChat;
  readonly streams: Streams;
  readonly sessions: Sessions;
  readonly sender: Sender;
}

type InRoom = Request<{ room: string }>;

function addReadRoutes(router: Router, { chat, streams, sessions, sender }: ChatRoutes): void {
  const places = createPlaces(EXCERPTS.most, EXCERPTS.ofOneSession);
  const sessionOf = (response: Response): string => String(response.locals['session']);

  router.get('/web/session', (_request, response) => {
    response.json({ user: sender.name, rooms: chat.rooms() });
  });

  router.use('/web/rooms/:room', (request: InRoom, response: Response, next: NextFunction) => {
    if (chat.rooms().some(({ id }) => id === request.params.room)) next();
    else sendProblem(request, response, 404, 'this room no longer exists: reload the page');
  });

  router.get('/web/rooms/:room/stream', async (request: InRoom, response) => {
    const id = sessionOf(response);
    const isSignedIn = async (): Promise<boolean> => (await sessions.find(cookiesOf(request))) === id;
    const isOpen = await streams.open(request.params.room, response, { id, isSignedIn });
    if (!isOpen) sendProblem(request, response, 503, TOO_MANY, { 'Retry-After': '10' });
  });

  router.get('/web/rooms/:room/lines', async (request: InRoom, response) => {
    const before = placeSchema.safeParse(request.query['before']);
    if (!before.success)
      return sendProblem(request, response, 400, 'the parameter "before" must be a position in the room: ?before=123');
    const leave = places.take(sessionOf(response));
    if (!leave) return sendProblem(request, response, 503, TOO_MANY, { 'Retry-After': '10' });
    const overdue = setTimeout(() => response.destroy(), EXCERPTS.withinMs);
    response.once('close', () => {
      clearTimeout(overdue);
      leave();
    });
    response.json(await chat.earlier(request.params.room, before.data));
  });
}

function addWriteRoutes(router: Router, { chat, sender }: Pick<ChatRoutes, 'chat' | 'sender'>): void {
  const readJson = express.json({ limit: '64kb' });

  router.post('/web/rooms/:room/lines', readJson, async (request: InRoom, response) => {
    const line = sendSchema.safeParse(request.body);
    if (!line.success)
      return sendProblem(request, response, 400, 'a line needs an id and 1 to 8,000 characters of text');
    const outcome = await chat.send(request.params.room, { ...line.data, sender });
    if (outcome === 'taken') sendProblem(request, response, 409, 'the id belongs to another line');
    else response.json({});
  });

  router.post('/web/rooms/:room/presses', readJson, async (request: InRoom, response) => {
    const press = pressSchema.safeParse(request.body);
    if (!press.success)
      return sendProblem(
        request,
        response,
        400,
        'a press needs an id, a message, its version and an index: reload the page',
      );
    const { id, ...pressed } = press.data;
    await chat.press(request.params.room, { id, pressed, sender });
    response.json({});
  });
}

/** Answers 503 when the core cannot store or read, so that the page retries. */
function handleUnavailable(title: string, log: Logger): express.ErrorRequestHandler {
  let quietUntilMs = 0;
  return (error: unknown, request: Request, response: Response, next: NextFunction) => {
    // Bad requests are handled by `handleFailure`.
    if (typeof error === 'object' && error !== null && 'status' in error) return next(error);
    // Anyone can send requests: a line for each would fill the log.
    if (performance.now() >= quietUntilMs) {
      quietUntilMs = performance.now() + LOG_EVERY_MS;
      log.warn({ reason: messageOf(error), path: request.path }, 'web page could not be served');
    }
    if (request.method === 'GET' && request.path === '/') response.status(503).send(unavailableDocument(title));
    else sendProblem(request, response, 503, 'the bot cannot do this now: the page will retry', { 'Retry-After': '1' });
  };
}
