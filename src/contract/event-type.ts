import type { z } from 'zod';

/**
 * An event that one skill sends to others: `monitors.down`. Skills cannot import each other, so each side declares the event
 * and validates the payload with its own schema. The payload must survive a JSON round trip.
 */
export interface EventType<Payload> {
  readonly name: string;
  readonly payload: z.ZodType<Payload>;
}

/** Declares an event between skills. Its name starts with the skill that emits it: `monitors.down`. */
export function defineEvent<Payload>(name: string, payload: z.ZodType<Payload>): EventType<Payload> {
  return { name, payload };
}
