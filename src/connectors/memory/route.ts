import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingEvent, Route } from '../connector.ts';

export const SIGNATURE_HEADER = 'x-memory-signature';

export function signatureOf(secret: string, body: string | Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** A route for events as signed JSON, as platforms without a stream use. */
export function memoryRoute(secret: string): Route {
  return {
    path: '/events',
    maxBodyBytes: 64 * 1024,
    async handle({ headers, rawBody }, accept) {
      const given = Buffer.from(String(headers[SIGNATURE_HEADER] ?? ''));
      const expected = Buffer.from(signatureOf(secret, rawBody));
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        return { status: 401, body: 'the signature is wrong' };
      const events = eventsIn(rawBody);
      if (!events) return { status: 400, body: 'the body is not a list of events' };
      await accept(events);
      return { status: 200, body: { accepted: events.length } };
    },
  };
}

function eventsIn(body: Buffer): IncomingEvent[] | undefined {
  try {
    const events = JSON.parse(body.toString()) as IncomingEvent[];
    return events.map((event) => ({ ...event, at: new Date(event.at) }));
  } catch {
    return undefined;
  }
}
