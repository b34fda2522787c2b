import { Command, CommanderError, Option, type CommandOptions } from 'commander';
import { didYouMean } from '../config/nearest.ts';
import type { Program } from '../contract/program.ts';
import { StartFailed } from '../errors.ts';
import { readVersion } from '../version.ts';
import type { InitOptions } from './init.ts';

const EXIT_STATUS = `
Exit status: 0 success; 1 failure (check: the configuration has problems; doctor: something needs attention;
init: it did not work, and what was written is listed; recover: something is still overdue);
2 could not start (a problem with an option, the configuration, the database, a port or the place of backups).`;

interface Globals {
  readonly config?: string;
}

/** The command line. `run` resolves to an exit status, or to undefined if the program keeps running. */
export function createProgram(): { run(argv: readonly string[]): Promise<number | undefined> } {
  let status: number | undefined;
  const program = new Command('watchbell')
    .description('A chat bot for teams on Kubernetes: what it accepts, it does exactly once.')
    .version(readVersion())
    .option('-c, --config <path>', 'configuration file or directory (also WATCHBELL_CONFIG; default ./watchbell.yaml)')
    .addHelpText('after', EXIT_STATUS)
    .enablePositionalOptions()
    .exitOverride();

  /** Adds a command whose module is imported only when it is used. */
  const add = <Options extends object>(
    parent: Command,
    usage: string,
    description: string,
    run: (args: string[], options: Options & Globals) => Promise<number | undefined>,
    more: CommandOptions = {},
  ): Command =>
    parent
      .command(usage, more)
      .description(description)
      .option('-c, --config <path>', 'configuration file or directory')
      .option('--data <directory>', 'where a trial keeps its data', './data')
      .exitOverride()
      .action(async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        status = await run(command.args, { ...command.optsWithGlobals<Options & Globals>() });
      });

  add(
    program,
    'run',
    'runs the bot (the default command)',
    async (_, options) => (await import('./run.ts')).run(options),
    { isDefault: true },
  );
  add<InitOptions>(
    program,
    'init',
    'asks for a chat platform, its tokens and a room, tries them, and writes watchbell.yaml',
    async (_, options) => (await import('./init.ts')).init(options),
  )
    .option('--platform <name>', 'the chat platform')
    .option(
      '--set <key=value>',
      'an option of the connector, as under connectors: in watchbell.yaml; can be repeated. A secret is better put into its file before',
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .option('--room <id>', 'the room for alerts, as the platform names it')
    .option('--admin <account>', 'your account on the platform')
    .option('--secrets <directory>', 'where to write the tokens (default: WATCHBELL_SECRETS, else ./secrets)')
    .option('--yes', 'asks nothing: flags, existing secrets and defaults must answer everything')
    .option('--overwrite', 'replaces an existing watchbell.yaml, and secrets given by --set')
    .addOption(
      new Option('--print-manifest [kind]', 'prints what to paste when you create the app on the platform, and exits')
        .choices(['alerts', 'everything'])
        .preset('alerts'),
    );
  add(program, 'check [file]', 'validates a configuration offline and lists every problem', async ([file], options) =>
    (await import('./check.ts')).check({ path: file ?? options.config }),
  );
  add(program, 'migrate', 'migrates the database schema to this release', async (_, options) =>
    (await import('./migrate.ts')).migrateCommand(options),
  );
  add(program, 'skills', 'lists the skills and their commands', async (_, options) =>
    (await import('./skills.ts')).listSkills(options),
  );
  add(
    program,
    'say <room> <text...>',
    'posts a message to a configured room, through the running bot',
    async ([room = '', ...text], options) => (await import('./say.ts')).say(room, text.join(' '), options),
  );
  add<{ json?: boolean }>(
    program,
    'get <skill> <query> [key=value...]',
    'runs a query of a skill: `get alerts open limit=5`; `get core skills` lists the queries',
    async (args, options) => (await import('./get.ts')).get(args, options),
  ).option('--json', 'the complete answer as JSON');
  add<{ room?: string; json?: boolean; wait: string }>(
    program,
    'do <words...>',
    "sends a command to the running bot and prints the answer: `do 'ack 12'`",
    async (words, options) => (await import('./do.ts')).say(words, options),
  )
    .option('--room <name>', 'run the command as if sent in this room (default: as in a direct message)')
    .option('--json', 'outcome and message as JSON')
    .option('--wait <seconds>', 'how long to wait for the answer', '60');
  add<{ url?: string }>(
    program,
    'sign-in',
    'prints a link that signs in one browser to the web chat, once, within a day',
    async (_, options) => (await import('./sign-in.ts')).signIn(options),
  ).option('--url <address>', 'how the browser reaches the bot (default: http.publicUrl, else this machine)');
  add(program, 'sign-out', 'ends every session of the web chat', async (_, options) =>
    (await import('./sign-in.ts')).signOut(options),
  );

  const through = [
    '--through <directory>',
    'where to store the file temporarily on its way to or from a bucket (default: /tmp)',
  ] as const;
  add<{ to: string; keep: string; through?: string }>(
    program,
    'backup',
    'writes the whole database to one file, and deletes old ones',
    async (_, options) => (await import('./backup.ts')).backup(options),
  )
    .requiredOption('--to <place>', 'a directory, or s3://BUCKET/PREFIX with keys in AWS_…')
    .option('--keep <count>', 'how many to keep', '14')
    .option(...through);
  add<{ check?: boolean; through?: string }>(
    program,
    'restore <from>',
    'restores a backup (from a directory or s3://BUCKET/PREFIX: the newest) into an empty database; pending work is held',
    async ([from = ''], options) => (await import('./restore.ts')).restoreCommand(from, options),
  )
    .option('--check', 'reads the complete backup and changes nothing')
    .option(...through);
  const events = program.command('events').description('events that could not be handled').exitOverride();
  add<{ json?: boolean }>(events, 'failed', 'lists failed events, newest first', async (_, options) =>
    (await import('./events.ts')).failed(options),
  ).option('--json', 'one JSON object a line, with payload');
  add(events, 'replay <id...>', 'handles failed events again ("all": every one)', async (ids, options) =>
    (await import('./events.ts')).replay(ids, options),
  );
  const messages = program.command('messages').description('messages that could not be shown').exitOverride();
  add<{ json?: boolean }>(messages, 'dead', 'lists dead letters, newest first', async (_, options) =>
    (await import('./messages.ts')).dead(options),
  ).option('--json', 'one JSON object a line, with content');
  add(messages, 'replay <id...>', 'tries to show dead letters again ("all": every one)', async (ids, options) =>
    (await import('./messages.ts')).replay(ids, options),
  );
  const audit = program.command('audit').description('who asked for what, and the outcome').exitOverride();
  add<{ since?: string }>(audit, 'export', 'writes the audit log, one JSON object a line', async (_, options) =>
    (await import('./audit.ts')).exportAudit(options),
  ).option('--since <id>', 'only entries after this id', '0');
  add<{ olderThan: string; held?: string }>(
    program,
    'recover',
    'hands overdue timers (of countdowns and others) that no replica has fired to a running replica',
    async (_, options) => (await import('./recover.ts')).recover(options),
  )
    .option('--older-than <duration>', 'how long overdue', '30s')
    .option('--held <what>', 'list, release or drop what a restore holds');
  add(
    program,
    'doctor',
    'checks configuration, database, failed and waiting work, connectors, rooms and secrets; one line each, with the fix',
    async (_, options) => (await import('./doctor.ts')).doctor(options),
  );

  program
    .command('help [command...]')
    .description('shows how to use a command')
    .action((words: string[]) => {
      let command = program;
      for (const word of words) command = named(command, word);
      command.outputHelp();
      status = 0;
    });

  /** Skills are loaded only if one of their commands may be meant, because loading is slow. */
  async function addSkillCommands(argv: readonly string[]): Promise<void> {
    const { findSkillCommands, runSkillCommand } = await import('./skill-commands.ts');
    for (const found of await findSkillCommands(configOf(argv))) {
      const words = found.usage.split(' ');
      const group = /^[a-z]/.test(words[1] ?? '') ? words.shift() : undefined;
      const parent = group === undefined ? program : groupOf(group);
      if (parent.commands.some((command) => command.name() === words[0]))
        throw new StartFailed(`the skill ${found.skill} brings the command "${found.usage}", which already exists`);
      const added = add<Program['flags']>(parent, words.join(' '), found.command.help, (args, options) =>
        runSkillCommand(found, args, options),
      );
      for (const { flags, help, default: fallback, choices } of found.command.flags ?? []) {
        const option = new Option(flags, help).default(fallback);
        added.addOption(choices ? option.choices(choices) : option);
      }
    }
  }

  function groupOf(name: string): Command {
    const known = program.commands.find((command) => command.name() === name);
    return known ?? program.command(name).description(`see \`watchbell help ${name}\``).exitOverride();
  }

  /** The subcommand with this name. @throws {CommanderError} when there is none, after printing an error. */
  function named(parent: Command, word: string): Command {
    const found = parent.commands.find((command) => command.name() === word);
    const known = parent.commands.map((command) => command.name());
    const remedy = didYouMean(word, known) || '; `watchbell help` lists them';
    return found ?? program.error(`error: no command is called '${word}'${remedy}`);
  }

  return {
    async run(argv) {
      try {
        // Otherwise the default command would get every unknown word, and complain about the options after it.
        const { operands, unknown } = program.parseOptions([...argv]);
        const [word] = [...operands, ...unknown];
        const isOwn = word === undefined || program.commands.some((command) => command.name() === word);
        if (!isOwn || word === 'help') await addSkillCommands(argv);
        if (word !== undefined && !word.startsWith('-')) named(program, word);
        await program.parseAsync([...argv], { from: 'user' });
        return status;
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
        throw error;
      }
    },
  };
}

/** The value of --config, at any position. */
function configOf(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === '-c' || word === '--config' || word.startsWith('--config='));
  const word = argv[at];
  if (word === undefined) return undefined;
  return word.startsWith('--config=') ? word.slice('--config='.length) : argv[at + 1];
}
