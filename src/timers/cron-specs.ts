import type { World } from '../dispatch/world.ts';
import type { CronSpec } from './cron.ts';

/** All schedules of a configuration. */
export function cronSpecs({ skills, timeZone }: World): readonly CronSpec[] {
  return [...skills.values()].flatMap(({ skill, options }) =>
    Object.entries(skill.crons ?? {}).flatMap(([name, cron]): CronSpec[] => {
      const schedule = cron.schedule(options);
      if (schedule === undefined) return [];
      const always = { skill: skill.name, name, timeZone };
      if (typeof schedule === 'string') return [{ ...always, expression: schedule }];
      return Object.entries(schedule).map(([key, { cron: expression, aheadMs }]) => ({
        ...{ ...always, key, expression },
        ...(aheadMs !== undefined && { aheadMs }),
      }));
    }),
  );
}
