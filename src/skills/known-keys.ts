import { didYouMean } from '../config/nearest.ts';
import type { Command } from '../contract/command.ts';
import type { Query } from '../contract/query.ts';
import type { Service } from '../contract/service.ts';
import type { Skill } from '../contract/skill.ts';
import type { Task } from '../contract/task.ts';
import type { Cron, Timer } from '../contract/timer.ts';
import type { Webhook } from '../contract/webhook.ts';

/** Every key of a type: the compiler rejects a list with one missing or one too many. */
type KeysOf<T> = Readonly<Record<keyof T, true>>;

const SKILL: KeysOf<Skill> = {
  ...{
    name: true,
    description: true,
    options: true,
    check: true,
    rooms: true,
    commands: true,
    cli: true,
    queries: true,
  },
  ...{ webhooks: true, timers: true, tasks: true, services: true, crons: true, events: true, needs: true },
  ...{ deliveryReport: true, gauges: true, histograms: true },
};
const COMMAND: KeysOf<Command> = {
  help: true,
  class: true,
  also: true,
  late: true,
  hidden: true,
  resource: true,
  visibility: true,
  unlisted: true,
  secret: true,
  run: true,
};
const QUERY: KeysOf<Query> = { help: true, class: true, run: true, input: true, output: true };
const WEBHOOK: KeysOf<Webhook> = {
  verify: true,
  sources: true,
  headers: true,
  id: true,
  reject: true,
  lane: true,
  keep: true,
  run: true,
};
const TIMER: KeysOf<Timer> = { payload: true, run: true };
const TASK: KeysOf<Task> = {
  payload: true,
  result: true,
  idempotent: true,
  find: true,
  attach: true,
  timeoutMs: true,
  attempts: true,
  slots: true,
  run: true,
  done: true,
  progress: true,
  report: true,
};
const SERVICE: KeysOf<Service> = { enabled: true, events: true, run: true };
const CRON: KeysOf<Cron> = { schedule: true, run: true };

/** What a skill declares by name, and the keys of each entry. */
const ENTRIES = {
  ...{
    commands: COMMAND,
    queries: QUERY,
    webhooks: WEBHOOK,
    timers: TIMER,
    tasks: TASK,
    services: SERVICE,
    crons: CRON,
  },
};

/**
 * Keys that this release does not know, one sentence each: `webhooks.github.refuse is unknown; did you mean "reject"?`. A skill
 * that nobody type-checked, or that was written for another release, would otherwise run without what it declares there.
 */
export function unknownKeys(skill: object): string[] {
  const found = unknownIn(skill, SKILL, '');
  for (const [kind, known] of Object.entries(ENTRIES)) {
    const declared: unknown = (skill as Readonly<Record<string, unknown>>)[kind];
    // Commands may be made from the options, which are not known yet.
    if (typeof declared !== 'object' || declared === null) continue;
    for (const [name, entry] of Object.entries(declared))
      if (typeof entry === 'object' && entry !== null)
        found.push(...unknownIn(entry as object, known, `${kind}.${name}.`));
  }
  return found;
}

function unknownIn(declared: object, known: Readonly<Record<string, true>>, path: string): string[] {
  return Object.keys(declared)
    .filter((key) => !Object.hasOwn(known, key))
    .map((key) => `${path}${key} is unknown${didYouMean(key, Object.keys(known))}`);
}
