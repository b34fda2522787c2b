import type { Config } from '../config/schema.ts';
import type { Schedule } from './on-call.ts';

/** The schedules of a valid configuration, with zones and time intervals filled in. */
export function createSchedules({ schedules, timeIntervals, timeZone }: Config): ReadonlyMap<string, Schedule> {
  return new Map(
    Object.entries(schedules).map(([name, schedule]) => {
      const layers = schedule.layers.map(({ during, ...layer }) => {
        const interval = during === undefined ? undefined : timeIntervals[during];
        return { ...layer, ...(interval && { during: { ...interval, timeZone: interval.timeZone ?? timeZone } }) };
      });
      return [name, { timeZone: schedule.timeZone ?? timeZone, layers }];
    }),
  );
}
