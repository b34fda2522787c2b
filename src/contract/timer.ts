import type { z } from 'zod';
import type { Context } from './context.ts';

export interface TimerFired<Payload> {
  readonly key: string;
  readonly payload: Payload;
  readonly dueAt: Date;
  /** How late it is: > 0 after downtime. */
  readonly lateMs: number;
}

export interface Timer<Options = unknown, Payload = unknown> {
  /** Ignores unknown fields: another release may read it. */
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, fired: TimerFired<Payload>) => void | Promise<void>;
}

export interface Cron<Options = unknown> {
  /** Five-field cron expression, from the options; undefined: not scheduled. Several by key: each ticks on its own. */
  readonly schedule: (options: Options) => string | undefined | Readonly<Record<string, Schedule>>;
  readonly run: (
    context: Context<Options>,
    tick: { readonly at: Date; readonly lateMs: number; readonly key: string | undefined },
  ) => void | Promise<void>;
}

export interface Schedule {
  /** Five-field cron expression. */
  readonly cron: string;
  /** Ticks so long before each time of the expression: a day ahead, to remind of it. Default 0. */
  readonly aheadMs?: number;
}

/** Declares a timer with the type of its payload. */
export function defineTimer<Options, Payload>(timer: Timer<Options, Payload>): Timer<Options, Payload> {
  return timer;
}
