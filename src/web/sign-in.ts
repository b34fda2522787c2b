import express from 'express';
import type { Request, Response, Router } from 'express';
import { z } from 'zod';
import { sendProblem } from '../http/problem.ts';
import type { Logger } from '../log.ts';
import { loginDocument, signInDocument } from './documents.ts';
import { cookieOf, isSameOrigin, senderOf } from './guard.ts';
import type { Cookies, SessionCookie, Sessions } from './session.ts';

export interface SignInOptions {
  readonly sessions: Sessions;
  readonly title: string;
  /** Path of the cookie. */
  readonly cookiePath: string;
  readonly log: Logger;
  /** Whether there is a password; otherwise only links of `watchbell sign-in` work. */
  readonly hasPassword: boolean;
}

/** The maximum of browsers. The session itself ends earlier, in the database. */
const COOKIE_MS = 400 * 24 * 3_600_000;
const OTHER_SITE =
  'this request came from another website: use the page of the bot, and make sure that a proxy passes Host on';

export const cookiesOf =
  (request: Request): Cookies =>
  (name) =>
    cookieOf(request, name);

export function rejectOtherSites(request: Request, response: Response): boolean {
  if (isSameOrigin(request)) return false;
  sendProblem(request, response, 403, OTHER_SITE);
  return true;
}

/** Adds the routes to sign in and out. URLs are relative, because a proxy may add a base path. */
export function addSignIn(router: Router, options: SignInOptions): void {
  const { sessions, title, cookiePath: path, log, hasPassword } = options;
  // The key is after the # of the URL, which browsers do not send. Loading this page does not use it up,
  // so that previews and prefetches do no harm; the page posts it.
  router.get('/sign-in', (_request, response) => {
    response.send(signInDocument(title));
  });

  router.post('/sign-in', express.json({ limit: '1kb' }), async (request, response) => {
    if (rejectOtherSites(request, response)) return;
    const given = z.object({ key: z.string() }).safeParse(request.body);
    const cookie = await sessions.redeem(given.data?.key ?? '');
    if (cookie) setCookie(request, response, cookie, path);
    // A signed-in browser may open the link again.
    else if ((await sessions.find(cookiesOf(request))) === undefined)
      return sendProblem(request, response, 401, 'this link has been used, or is more than a day old');
    response.json({});
  });

  router.post('/logout', async (request, response) => {
    if (rejectOtherSites(request, response)) return;
    const name = await sessions.end(cookiesOf(request));
    response.clearCookie(name, { path }).redirect(303, './');
  });

  if (!hasPassword) return;
  router.post('/login', express.urlencoded({ extended: false, limit: '8kb' }), async (request, response) => {
    if (rejectOtherSites(request, response)) return;
    const given = z.object({ password: z.string() }).safeParse(request.body);
    const sender = senderOf(request);
    const outcome = await sessions.login(given.data?.password ?? '', sender, cookiesOf(request));
    if (outcome === 'wrong') {
      log.warn({ address: sender }, 'wrong password on the web page');
      response.status(401).send(loginDocument(title, 'Wrong password.'));
    } else if ('waitMs' in outcome) {
      const seconds = Math.ceil(outcome.waitMs / 1000);
      const problem = `Too many wrong passwords: try again in ${seconds} s. The operator of the bot can give you a sign-in link meanwhile: watchbell sign-in`;
      response.status(429).set('Retry-After', String(seconds)).send(loginDocument(title, problem));
    } else {
      setCookie(request, response, outcome, path);
      response.redirect(303, './');
    }
  });
}

function setCookie(request: Request, response: Response, { name, value }: SessionCookie, path: string): void {
  response.cookie(name, value, {
    httpOnly: true,
    sameSite: 'strict',
    path,
    maxAge: COOKIE_MS,
    secure: request.headers['x-forwarded-proto'] === 'https',
  });
}
