import { Cron } from 'croner';

/** The first time after `after` at which the expression ticks; undefined: never. @throws on what is no cron expression. */
export function nextTick(expression: string, timeZone: string, after: Date): Date | undefined {
  return new Cron(expression, { timezone: timeZone, paused: true }).nextRun(after) ?? undefined;
}
