import type { z } from 'zod';
import type { Context } from './context.ts';

export interface TimerFired<Payload> {
  readonly key: string;
  readonly payload: Payload;
  readonly dueAt: Date;
  /** How late it fires, in ms: more than a moment only after downtime. */
  readonly lateMs: number;
}

export interface Timer<Options = unknown, Payload = unknown> {
  /** Must ignore unknown fields: another release may read it. */
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, fired: TimerFired<Payload>) => void | Promise<void>;
}

export interface Cron<Options = unknown> {
  /** A five-field cron expression, or several by key, each with its own ticks; undefined: not scheduled. */
  readonly schedule: (options: Options) => string | undefined | Readonly<Record<string, Schedule>>;
  readonly run: (
    context: Context<Options>,
    tick: { readonly at: Date; readonly lateMs: number; readonly key: string | undefined },
  ) => void | Promise<void>;
}

export interface Schedule {
  /** Five-field cron expression. */
  readonly cron: string;
  /** Tick this long before each time of the expression, for example a day ahead for a reminder. Default 0. */
  readonly leadTimeMs?: number;
}

/** Declares a timer, with the type of its payload. */
export function defineTimer<Options, Payload>(timer: Timer<Options, Payload>): Timer<Options, Payload> {
  return timer;
}
