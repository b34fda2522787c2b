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
  /** Where the cookie is sent. */
  readonly cookiePath: string;
  readonly log: Logger;
  /** There is a password to sign in with; else only an address of `watchbell sign-in`. */
  readonly hasPassword: boolean;
}

/** As long as browsers keep any. The session in it ends earlier, in the database. */
const COOKIE_MS = 400 * 24 * 3_600_000;
const ELSEWHERE = 'this came from a page of another site: use the page of the bot itself, and let a proxy pass Host on';

export const cookiesOf =
  (request: Request): Cookies =>
  (name) =>
    cookieOf(request, name);

export function refuseOtherSites(request: Request, response: Response): boolean {
  if (isSameOrigin(request)) return false;
  sendProblem(request, response, 403, ELSEWHERE);
  return true;
}

/** How a browser gets a session, and how it ends it. Addresses are relative: the bot may be below a path of a proxy. */
export function addSignIn(router: Router, options: SignInOptions): void {
  const { sessions, title, cookiePath: path, log, hasPassword } = options;
  // What signs in stands behind the # of the address, which a browser keeps to itself. Reading this page uses nothing up,
  // so previews and prefetches do no harm; the page posts it.
  router.get('/sign-in', (_request, response) => {
    response.send(signInDocument(title));
  });

  router.post('/sign-in', express.json({ limit: '1kb' }), async (request, response) => {
    if (refuseOtherSites(request, response)) return;
    const given = z.object({ key: z.string() }).safeParse(request.body);
    const cookie = await sessions.redeem(given.data?.key ?? '');
    if (cookie) setCookie(request, response, cookie, path);
    // Who is in already may follow the address once more.
    else if ((await sessions.find(cookiesOf(request))) === undefined)
      return sendProblem(request, response, 401, 'this address has been used, or is more than a day old');
    response.json({});
  });

  router.post('/logout', async (request, response) => {
    if (refuseOtherSites(request, response)) return;
    const name = await sessions.end(cookiesOf(request));
    response.clearCookie(name, { path }).redirect(303, './');
  });

  if (!hasPassword) return;
  router.post('/login', express.urlencoded({ extended: false, limit: '8kb' }), async (request, response) => {
    if (refuseOtherSites(request, response)) return;
    const given = z.object({ password: z.string() }).safeParse(request.body);
    const sender = senderOf(request);
    const outcome = await sessions.login(given.data?.password ?? '', sender, cookiesOf(request));
    if (outcome === 'wrong') {
      log.warn({ address: sender }, 'wrong password on the web page');
      response.status(401).send(loginDocument(title, 'That is not the password.'));
    } else if ('waitMs' in outcome) {
      const seconds = Math.ceil(outcome.waitMs / 1000);
      const problem = `Too many wrong passwords: try again in ${seconds} s. Whoever runs the bot can let you in meanwhile: watchbell sign-in`;
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
