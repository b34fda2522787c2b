import type { z } from 'zod';

/**
 * Something that one skill says to others: `monitors.down`. Skills cannot import each other, so each side declares it, and
 * each checks the payload by its own declaration; it must survive JSON.
 */
export interface EventType<Payload> {
  readonly name: string;
  readonly payload: z.ZodType<Payload>;
}

/** Declares an event between skills. Its name begins with the skill that emits it: `monitors.down`. */
export function defineEvent<Payload>(name: string, payload: z.ZodType<Payload>): EventType<Payload> {
  return { name, payload };
}
