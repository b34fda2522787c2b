import type { z } from 'zod';
import type { Context } from './context.ts';
import type { EventType } from './event-type.ts';

/** A skill's handler for another skill's event: see `on`. */
export interface Listener<Options = unknown, Payload = unknown> {
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, payload: Payload) => void | Promise<void>;
}

/** Declares a listener, with the type of the event's payload. */
export function on<Options, Payload>(
  event: EventType<Payload>,
  run: Listener<Options, Payload>['run'],
): Listener<Options, Payload> {
  return { payload: event.payload, run };
}
