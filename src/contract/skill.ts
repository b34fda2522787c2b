import type { z } from 'zod';
import type { Need } from './abilities.ts';
import type { Commands } from './command.ts';
import type { Context } from './context.ts';
import type { DeliveryReport } from './delivery-report.ts';
import type { Listener } from './listener.ts';
import type { ProgramCommand } from './program.ts';
import type { Query } from './query.ts';
import type { Service } from './service.ts';
import type { Sql } from './sql.ts';
import type { Task } from './task.ts';
import type { Cron, Timer } from './timer.ts';
import type { Webhook } from './webhook.ts';

export interface Problem {
  /** Path inside this skill's options: `['route', 'rooms', 0]`. */
  readonly path: readonly (string | number)[];
  /** What is wrong and how to fix it, in one sentence. */
  readonly message: string;
  /** The configuration is still usable. */
  readonly warning?: true;
}

/** The names that a configuration defines, for checking references offline. */
export interface Names {
  readonly rooms: readonly string[];
  readonly people: readonly string[];
  readonly groups: readonly string[];
  readonly schedules: readonly string[];
  readonly timeIntervals: readonly string[];
}

export interface Skill<Options = unknown> {
  readonly name: string;
  /** One line for `skills` and the docs. */
  readonly description?: string;
  /** A key with `.meta({ noEffect: 'why' })` in its schema is accepted, with a warning that it does nothing. */
  readonly options?: z.ZodType<Options>;
  /** Finds references to names that do not exist, and rules that can never match. Pure. */
  readonly check?: (options: Options, names: Names) => readonly Problem[];
  /** Rooms where this skill listens and answers; undefined for every configured room. */
  readonly rooms?: (options: Options) => readonly string[] | undefined;
  /** Commands by pattern; a pure function of the options where those define commands. */
  readonly commands?: Commands<Options> | ((options: Options) => Commands<Options>);
  /** Commands of the `watchbell` program, by usage: `pair <room>`. */
  readonly cli?: Readonly<Record<string, ProgramCommand<Options>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each query has input and output types of its own
  readonly queries?: Readonly<Record<string, Query<Options, any, any>>>;
  readonly webhooks?: Readonly<Record<string, Webhook<Options>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly timers?: Readonly<Record<string, Timer<Options, any>>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has payload, result and progress types of its own
  readonly tasks?: Readonly<Record<string, Task<Options, any, any, any>>>;
  readonly services?: Readonly<Record<string, Service<Options>>>;
  readonly crons?: Readonly<Record<string, Cron<Options>>>;
  /** Handlers for other skills' events, by the event's name: `{ [down.name]: on(down, …) }`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly events?: Readonly<Record<string, Listener<Options, any>>>;
  /** The outside resources that its tasks and services use. */
  readonly needs?: readonly Need[];
  /** Gets the outcome of messages that were posted with `report`, or sent with `notify`. */
  readonly deliveryReport?: (context: Context<Options>, deliveryReport: DeliveryReport) => void | Promise<void>;
  /** Metrics read from the database, by the one replica that holds the `metrics` lease. */
  readonly gauges?: Readonly<Record<string, Gauge>>;
  /** Metrics filled by `observe`, on whichever replica handled the event. */
  readonly histograms?: Readonly<Record<string, Histogram>>;
}

export interface Histogram {
  readonly help: string;
  /** Upper bounds, in ascending order. */
  readonly buckets: readonly number[];
}

export interface Gauge {
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (
    sql: Sql,
  ) => Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

/** Declares a skill: the default export of its `index.ts`. The type of `options` flows into every handler. */
export function defineSkill<Options = Record<string, never>>(skill: Skill<Options>): Skill<Options> {
  return skill;
}
