import type { RoomAddress } from '../chat/message.ts';
import { decide, type DecisionQuestion } from '../commands/access.ts';
import { CommandIndex } from '../commands/command-index.ts';
import type { Config } from '../config/schema.ts';
import type { Platform } from '../connectors/connector.ts';
import type { Room } from '../contract/room.ts';
import type { Skill } from '../contract/skill.ts';
import type { Log } from '../log.ts';
import { NO_LINKS, type Links } from '../people/linked-accounts.ts';
import { createPeople } from '../people/people.ts';
import { createSchedules } from '../people/schedules.ts';
import type { LoadedSkill, Rooms, Registry } from './registry.ts';

export interface RegistrySource {
  readonly config: Config;
  readonly platforms: readonly Platform[];
  readonly skills: readonly Skill<unknown>[];
  readonly generation: number;
  /** Default: none. */
  readonly links?: Links;
  readonly skillLog: (skill: string) => Log;
}

/** Builds the registry from a valid configuration. @throws {StartFailed} when two skills claim one command. */
export function buildRegistry(source: RegistrySource): Registry {
  const { config, platforms, skills, generation, links = NO_LINKS, skillLog } = source;
  const on = skills.filter((skill) => skill.name === 'core' || Object.hasOwn(config.skills, skill.name));
  const loaded = new Map(
    on.map((skill) => [skill.name, loadedSkill(skill, config.skills[skill.name], skillLog(skill.name))]),
  );
  const connectors = new Set(Object.keys(config.connectors));
  const capabilities = new Map(
    Object.entries(config.connectors).flatMap(([name, options]) => {
      const platform = platforms.find(({ type }) => type === options.type);
      return platform ? [[name, platform.capabilities(options)] as const] : [];
    }),
  );
  const configured = {
    generation,
    botName: config.name,
    timeZone: config.timeZone,
    publicUrl: config.http.publicUrl,
    skills: loaded,
    commands: new CommandIndex(on, config.skills),
    rooms: createRooms(config),
    schedules: createSchedules(config),
    decide: (question: DecisionQuestion) => decide(config.access, question, config.api.tokens),
    connectors,
    capabilities: (connector: string) => capabilities.get(connector),
    opsRoom: (connector: string) => config.connectors[connector]?.opsRoom,
    backlogMaxAgeMs: config.backlog.maxAge,
  };
  const withLinks = (given: Links): Registry => ({
    ...configured,
    people: createPeople(config, given.accounts),
    links: given,
    withLinks,
  });
  return withLinks(links);
}

function loadedSkill(skill: Skill<unknown>, options: unknown, log: Log): LoadedSkill {
  const rooms = skill.rooms?.(options);
  return { skill, options, rooms: rooms && new Set(rooms), log };
}

function createRooms(config: Config): Rooms {
  const all = Object.entries(config.rooms).map(([name, room]): Room => ({
    name,
    addresses: Object.entries(room.in).flatMap(([connector, ids]) => ids.map((id) => ({ connector, room: id }))),
    ...(room.failover !== undefined && { failover: room.failover }),
  }));
  const byName = new Map(all.map((room) => [room.name, room]));
  const byAddress = new Map(all.flatMap((room) => room.addresses.map((address) => [keyOf(address), room])));
  return { all: () => all, byName: (name) => byName.get(name), byAddress: (address) => byAddress.get(keyOf(address)) };
}

function keyOf(address: RoomAddress): string {
  return `${address.connector}\n${address.room}`;
}
