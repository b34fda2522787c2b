import type { z } from 'zod';
import type { Context } from './context.ts';
import type { EventType } from './event-type.ts';

/** What a skill does about an event of another: see `on`. */
export interface Listener<Options = unknown, Payload = unknown> {
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, payload: Payload) => void | Promise<void>;
}

/** Listens to an event, with the type of its payload. */
export function on<Options, Payload>(
  event: EventType<Payload>,
  run: Listener<Options, Payload>['run'],
): Listener<Options, Payload> {
  return { payload: event.payload, run };
}
