import type { RoomAddress } from '../chat/message.ts';
import type { Decision, DecisionQuestion } from '../commands/access.ts';
import type { CommandIndex } from '../commands/command-index.ts';
import type { Capabilities } from '../connectors/connector.ts';
import type { People } from '../contract/people.ts';
import type { Room } from '../contract/room.ts';
import type { Skill } from '../contract/skill.ts';
import type { Log } from '../log.ts';
import type { Links } from '../people/linked-accounts.ts';
import { NOTIFY_TIMER } from '../people/notifications.ts';
import type { Schedule } from '../people/on-call.ts';

/** A skill with its options from the current configuration. */
export interface LoadedSkill {
  readonly skill: Skill<unknown>;
  readonly options: unknown;
  /** Names of the rooms where it listens; undefined: all configured ones. */
  readonly rooms: ReadonlySet<string> | undefined;
  readonly log: Log;
}

export interface Rooms {
  byName(name: string): Room | undefined;
  byAddress(address: RoomAddress): Room | undefined;
  all(): readonly Room[];
}

/**
 * Everything that handlers look up and that depends on the configuration and on linked accounts. Immutable: a reload or a link
 * builds a new one and swaps it atomically, and an event that is being handled keeps the one it started with.
 */
export interface Registry {
  /** Number of the configuration in `config_generations`. */
  readonly generation: number;
  readonly botName: string;
  readonly timeZone: string;
  readonly publicUrl: string | undefined;
  readonly skills: ReadonlyMap<string, LoadedSkill>;
  readonly commands: CommandIndex;
  readonly rooms: Rooms;
  readonly people: People;
  /** The linked accounts that `people` includes. */
  readonly links: Links;
  /** The same configuration with these links. */
  readonly withLinks: (links: Links) => Registry;
  /** On-call schedules by name. */
  readonly schedules: ReadonlyMap<string, Schedule>;
  readonly decide: (question: DecisionQuestion) => Decision;
  /** Names of configured connectors. */
  readonly connectors: ReadonlySet<string>;
  /** The capabilities of a connector; undefined: it is not configured. */
  readonly capabilities: (connector: string) => Capabilities | undefined;
  /** The name of the room for notices about the connector's problems. */
  readonly opsRoom: (connector: string) => string | undefined;
  readonly backlogMaxAgeMs: number;
}

/** `alertmanager/prod-eu`: every configured source of every webhook, as named in metrics and notices. */
export function webhookSources(registry: Registry): string[] {
  return [...registry.skills.values()].flatMap(({ skill, options }) =>
    Object.entries(skill.webhooks ?? {}).flatMap(([name, webhook]) =>
      webhook.sources(options).map((source) => `${name}/${source}`),
    ),
  );
}

/** The `skill name` pairs of addressed events that this program can handle. */
export function knownNames(registry: Registry): { timers: string[]; tasks: string[]; all: string[] } {
  const of = (pick: (skill: Skill<unknown>) => object | undefined): string[] =>
    [...registry.skills].flatMap(([name, loaded]) =>
      Object.keys(pick(loaded.skill) ?? {}).map((one) => `${name} ${one}`),
    );
  const timers = [...of((skill) => skill.timers), `core ${NOTIFY_TIMER}`];
  const tasks = of((skill) => skill.tasks);
  // Also for skills without `deliveryReport`: the core uses reports to try a person's next account.
  const reports = [...registry.skills.keys()].map((name) => `${name} fate`);
  const services = [...registry.skills].flatMap(([skill, loaded]) =>
    Object.entries(loaded.skill.services ?? {}).flatMap(([name, { events }]) =>
      Object.keys(events).map((event) => `${skill} ${name}/${event}`),
    ),
  );
  return {
    timers,
    tasks,
    all: [
      // Commands over REST and the command line.
      'core say',
      ...timers,
      ...tasks,
      ...reports,
      ...services,
      ...of((skill) => skill.crons),
      ...of((skill) => skill.events),
      ...of((skill) => skill.webhooks),
    ],
  };
}
