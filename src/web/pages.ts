import express from 'express';
import type { NextFunction, Request, Response, Router } from 'express';
import { z } from 'zod';
import type { Sender } from '../connectors/connector.ts';
import type { Pages } from '../http/server.ts';
import { sendProblem } from '../http/problem.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { loadAssets } from './assets.ts';
import type { Asset } from './assets.ts';
import { CONTENT_SECURITY_POLICY, chatDocument, loginDocument, noticeDocument } from './documents.ts';
import { cookieOf, isLocal, isSameOrigin } from './guard.ts';
import { createSessions } from './session.ts';
import { createStreams } from './stream.ts';
import type { WebChat } from './web-chat.ts';

export interface WebPagesOptions {
  readonly chat: WebChat;
  /** Heading of the page: the bot's name. Default `Watchbell`. */
  readonly title?: string;
  readonly log: Logger;
  /** Reads the current password; undefined: none is set, only this machine is let in. */
  readonly password?: () => Promise<string>;
  /** What the user of the page is called in rooms. Default `Local user`. */
  readonly userName?: string;
}

const COOKIE = 'watchbell_session';
const LOCAL_ONLY = 'this page is open to this machine only: set a password (connectors.web.password) to let others in';

const sendSchema = z.object({
  id: z.uuid(),
  text: z.string().trim().min(1).max(8_000),
  replyTo: z.string().max(200).optional(),
});
const pressSchema = z.object({
  id: z.uuid(),
  message: z.string().min(1).max(200),
  command: z.string().min(1).max(1_000),
});

/** The chat page at `/` and what it calls under `/web/`. Everything but its code asks who is there first. */
export function createWebPages(options: WebPagesOptions): Pages {
  const { chat, title = 'Watchbell', log, password, userName = 'Local user' } = options;
  const sessions = password && createSessions(password);
  const streams = createStreams(chat);
  const sender: Sender = { accountId: 'local', name: userName, bot: false, guest: false };
  const router = express.Router();
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

  router.use((_request, response, next) => {
    response.set({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'Cache-Control': 'no-store' });
    next();
  });

  // Read at the first visit: most replicas never get one, and stripping types costs memory.
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

  async function isLetIn(request: Request): Promise<boolean> {
    if (!sessions) return isLocal(request);
    const session = cookieOf(request, COOKIE);
    return session !== undefined && (await sessions.isValid(session));
  }

  router.get('/', async (request, response) => {
    if (await isLetIn(request)) response.send(chatDocument(title));
    else if (sessions) response.status(401).send(loginDocument(title));
    else response.status(403).send(noticeDocument(title, LOCAL_ONLY));
  });

  if (sessions) {
    router.post('/login', express.urlencoded({ extended: false, limit: '8kb' }), async (request, response) => {
      if (!isSameOrigin(request)) return sendProblem(request, response, 403, 'sign in on the page of the bot itself');
      const given = z.object({ password: z.string() }).safeParse(request.body);
      const outcome = await sessions.login(given.data?.password ?? '', request.socket.remoteAddress ?? '');
      if (outcome === 'too many') {
        response.status(429).set('Retry-After', '60').send(loginDocument(title, 'Too many tries: wait a minute.'));
      } else if (outcome === 'wrong') {
        log.warn({ address: request.socket.remoteAddress }, 'wrong password on the web page');
        response.status(401).send(loginDocument(title, 'That is not the password.'));
      } else {
        response.cookie(COOKIE, outcome.session, {
          httpOnly: true,
          sameSite: 'strict',
          path: '/',
          maxAge: outcome.maxAgeMs,
          secure: request.headers['x-forwarded-proto'] === 'https',
        });
        response.redirect(303, '/');
      }
    });
    router.post('/logout', (request, response) => {
      if (!isSameOrigin(request)) return sendProblem(request, response, 403, 'sign out on the page of the bot itself');
      response.clearCookie(COOKIE, { path: '/' }).redirect(303, '/');
    });
  }

  router.use('/web', async (request, response, next) => {
    if (!(await isLetIn(request))) {
      if (sessions) sendProblem(request, response, 401, 'sign in first: open the page again');
      else sendProblem(request, response, 403, LOCAL_ONLY);
    } else if (request.method !== 'GET' && !isSameOrigin(request)) {
      sendProblem(request, response, 403, 'this came from a page of another site: use the page of the bot itself');
    } else next();
  });
  addChat(router, chat, streams.open, sender, log);
  return { handler: router, close: streams.close };
}

function addChat(
  router: Router,
  chat: WebChat,
  openStream: (room: string, response: Response) => Promise<void>,
  sender: Sender,
  log: Logger,
): void {
  const readJson = express.json({ limit: '64kb' });

  router.get('/web/session', (_request, response) => {
    response.json({ user: sender.name, rooms: chat.rooms() });
  });

  router.use('/web/rooms/:room', (request: Request<{ room: string }>, response: Response, next: NextFunction) => {
    if (chat.rooms().some(({ id }) => id === request.params.room)) next();
    else sendProblem(request, response, 404, 'there is no such room any more: reload the page');
  });

  router.get('/web/rooms/:room/stream', async (request: Request<{ room: string }>, response) => {
    await storing(request, response, log, () => openStream(request.params.room, response));
  });

  router.post('/web/rooms/:room/lines', readJson, async (request: Request<{ room: string }>, response) => {
    const line = sendSchema.safeParse(request.body);
    if (!line.success)
      return sendProblem(request, response, 400, 'a line needs an id and 1 to 8,000 characters of text');
    await storing(request, response, log, async () => {
      await chat.send(request.params.room, { ...line.data, sender });
      response.json({});
    });
  });

  router.post('/web/rooms/:room/presses', readJson, async (request: Request<{ room: string }>, response) => {
    const press = pressSchema.safeParse(request.body);
    if (!press.success) return sendProblem(request, response, 400, 'a press needs an id, a message and its command');
    await storing(request, response, log, async () => {
      await chat.press(request.params.room, { ...press.data, sender });
      response.json({});
    });
  });
}

/** Whatever keeps the core from storing or reading is for the page to try again. */
async function storing(request: Request, response: Response, log: Logger, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn({ error, reason: messageOf(error) }, 'the web page could not be served');
    sendProblem(request, response, 503, 'the bot cannot reach its database: the page tries again', {
      'Retry-After': '1',
    });
  }
}
