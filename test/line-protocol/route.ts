import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Route } from '../../src/connectors/connector.ts';
import { eventOf, type Said } from './said.ts';

export const SIGNATURE_HEADER = 'x-lines-signature';

export function signatureOf(token: string, body: string | Buffer): string {
  return createHmac('sha256', token).update(body).digest('hex');
}

/** Messages and presses, posted as JSON and signed with the account's token. */
export function postedRoute(token: () => Promise<string>): Route {
  return {
    path: '',
    maxBodyBytes: 64 * 1024,
    async handle({ headers, rawBody }, accept) {
      const given = Buffer.from(String(headers[SIGNATURE_HEADER] ?? ''));
      const wanted = Buffer.from(signatureOf(await token(), rawBody));
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
        return { status: 401, body: 'the signature is wrong' };
      await accept([eventOf(JSON.parse(rawBody.toString()) as Said)]);
      return { status: 200 };
    },
  };
}
