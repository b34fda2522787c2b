import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { Program, ProgramCommand, ProgramDatabase } from '../contract/program.ts';
import type { Database } from '../db/database.ts';
import { insertEvents } from '../events/event.ts';
import { createPeople } from '../people/people.ts';
import { createProgramSetup, loadOrThrow, type ProgramSetup, type ProgramSetupOptions } from './program-setup.ts';
import { untilConfigured } from './until-configured.ts';
import { withDatabase, withLastGood } from './with-database.ts';

/** A CLI command that a skill declares. */
export interface SkillCommand {
  readonly skill: string;
  /** `import coffeebot <file>`. */
  readonly usage: string;
  readonly command: ProgramCommand;
}

/** CLI commands of the built-in skills and of the directories that the configuration names. */
export async function findSkillCommands(config: string | undefined): Promise<SkillCommand[]> {
  const { folders } = await createProgramSetup(config === undefined ? {} : { config });
  return folders.skills.flatMap(({ skill }) =>
    Object.entries(skill.cli ?? {}).map(([usage, command]) => ({ skill: skill.name, usage, command })),
  );
}

/** Resolves to the exit status. */
export function runSkillCommand(
  { skill, command }: SkillCommand,
  args: readonly string[],
  flags: ProgramSetupOptions & Program['flags'],
): Promise<number> {
  const options: ProgramSetupOptions = {
    ...(flags.config !== undefined && { config: flags.config }),
    ...(flags.data !== undefined && { data: flags.data }),
  };
  const onDatabase =
    (database: Database, setup: ProgramSetup, config: Config) =>
    <T>(work: (database: ProgramDatabase) => Promise<T>): Promise<T> =>
      work(programDatabase(skill, { database, setup, config }));
  return command.run({
    args,
    flags,
    print: (line) => console.log(line),
    options: async () => {
      const result = await (await createProgramSetup(options)).load();
      // With a valid configuration no database is needed.
      if (result.ok) return result.config.skills[skill];
      return withLastGood(options, async (_database, _setting, config) => config.skills[skill]);
    },
    secret: async (reference) => (await createProgramSetup(options)).secrets.read(reference),
    withDatabase: (work) => withLastGood(options, (...given) => onDatabase(...given)(work)),
    withValidConfig: (work) => withDatabase(options, (...given) => onDatabase(...given)(work)),
  });
}

interface Opened {
  readonly database: Database;
  readonly setup: ProgramSetup;
  readonly config: Config;
}

function programDatabase(skill: string, { database, setup, config }: Opened): ProgramDatabase {
  return {
    options: config.skills[skill],
    people: createPeople(config),
    sql: (text, parameters) => database.query(text, parameters),
    emit: async (name, payload, id) => {
      await insertEvents(database.query, [
        {
          ...{ source: 'cli', sourceId: id, kind: 'emit', skill, name },
          ...{ lane: `${skill}:${name}`, payload: JSON.stringify(payload), happenedAt: new Date() },
        },
      ]);
    },
    say: async ({ connector, room }, text) => {
      const id = `cli-${randomUUID()}`;
      const sender = { accountId: 'watchbell-probe', name: 'a probe', bot: false, guest: false };
      const event = { type: 'message', id, room, direct: false, sender, at: new Date(), text, mentionsBot: true };
      await insertEvents(database.query, [
        {
          ...{ source: connector, sourceId: id, lane: `${connector}:${room}`, kind: 'message' },
          ...{ payload: JSON.stringify(event), happenedAt: new Date() },
        },
      ]);
    },
    untilConfigured: async (options, onWait) => {
      // Read again, to wait for the newest configuration. A trial's depends on the terminal it was started in, so any will do.
      const hash = setup.path === undefined ? undefined : (await loadOrThrow(setup)).hash;
      return untilConfigured(database, hash, options, onWait);
    },
  };
}
