import type { Cron } from '../contract/timer.ts';
import { messageOf } from '../errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { CronSpec, Crons, FailedCron } from './cron.ts';

/** All cron schedules of a configuration. `configured`: names of its skills, including those that could not be loaded. */
export function cronsOf(
  { skills, timeZone }: Pick<Registry, 'skills' | 'timeZone'>,
  configured: readonly string[],
): Crons {
  const failed: FailedCron[] = [];
  const specs = [...skills.values()].flatMap(({ skill, options }) =>
    Object.entries(skill.crons ?? {}).flatMap(([name, cron]): CronSpec[] => {
      try {
        return specsOf({ skill: skill.name, name, timeZone }, cron.schedule(options));
      } catch (error) {
        failed.push({ skill: skill.name, name, reason: messageOf(error) });
        return [];
      }
    }),
  );
  return { specs, failed, broken: new Set(configured.filter((name) => !skills.has(name))) };
}

function specsOf(
  always: Pick<CronSpec, 'skill' | 'name' | 'timeZone'>,
  schedule: ReturnType<Cron['schedule']>,
): CronSpec[] {
  if (schedule === undefined) return [];
  if (typeof schedule === 'string') return [{ ...always, expression: schedule }];
  return Object.entries(schedule).map(([key, { cron: expression, leadTimeMs }]) => ({
    ...{ ...always, key, expression },
    ...(leadTimeMs !== undefined && { leadTimeMs }),
  }));
}
