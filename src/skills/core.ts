import { cut } from '../chat/cut.ts';
import { formatDuration } from '../chat/duration.ts';
import { escape } from '../chat/message.ts';
import { formatTime } from '../chat/time.ts';
import { readable, type IndexedCommand } from '../commands/command-index.ts';
import type { CommandContext } from '../contract/context.ts';
import { type Skill, defineSkill } from '../contract/skill.ts';
import { usableCommands } from '../dispatch/unknown-command.ts';
import { CommandError } from '../errors.ts';
import type { PartState } from '../part-state.ts';
import type { Registry } from '../registry/registry.ts';
import { createCoreQueries } from './core-queries.ts';
import { linkCommands } from './link.ts';

export interface CoreServices {
  readonly version: string;
  readonly registry: () => Registry;
  readonly parts: () => Readonly<Record<string, PartState>>;
  readonly broken: readonly { readonly file: string; readonly reason: string }[];
}

/** The commands of the bot itself: help, status, whoami, why and the like. */
export function createCoreSkill(services: CoreServices): Skill<unknown> {
  return defineSkill<unknown>({
    name: 'core',
    description: 'help, status and who may do what',
    queries: createCoreQueries(services),
    commands: {
      'help {skill?}': {
        help: 'lists the commands you can use here',
        late: 'run',
        run: (context) => help(services, context),
      },
      status: { help: 'shows the state of the bot and its connections', run: (context) => status(services, context) },
      whoami: { help: 'shows who you are to the bot', run: whoami },
      rooms: { help: 'lists the configured rooms', run: rooms },
      skills: { help: 'lists the skills', run: () => skills(services) },
      version: { help: 'shows the running version', run: () => `watchbell ${services.version}` },
      'why {ref?}': {
        help: 'explains why your last command was allowed or denied, or looks up an error number',
        run: why,
      },
      ...linkCommands,
    },
  });
}

type CoreContext = CommandContext<unknown, Record<string, unknown>>;

function help(services: CoreServices, context: CoreContext): string {
  const registry = services.registry();
  const topic = context.args['skill'] === undefined ? undefined : String(context.args['skill']).toLowerCase();
  const entries = usableCommands(registry, context.sender, context.room);
  const names = [...new Set(entries.map((entry) => entry.skill))];
  const line = (entry: IndexedCommand): string => `\`${readable(entry)}\` ${escape(entry.command.help)}`;
  if (topic !== undefined && names.includes(topic)) {
    const description = registry.skills.get(topic)?.skill.description;
    return [
      `**${escape(topic)}**${description ? `: ${escape(description)}` : ''}`,
      ...entries.filter((entry) => entry.skill === topic).map(line),
    ].join('\n');
  }
  if (topic !== undefined) {
    const matching = entries.filter((entry) => entry.name.split(' ')[0] === topic);
    if (matching.length === 0)
      throw new CommandError(
        `There is no skill or command "${escape(topic)}" here. Skills: ${names.map(escape).join(', ')}`,
      );
    return matching.map(line).join('\n');
  }
  const first =
    context.room.direct || registry.capabilities(context.room.connector)?.addressed
      ? 'You can say:'
      : `Start with \`${escape(context.botName)}:\` or \`!\`, then:`;
  return [
    first,
    ...names.flatMap((name) => [`**${escape(name)}**`, ...entries.filter((entry) => entry.skill === name).map(line)]),
  ].join('\n');
}

function status(services: CoreServices, context: CoreContext): string {
  const lines = Object.entries(services.parts()).map(
    ([name, part]) =>
      `${part.ok ? '🟢' : '🔴'} ${escape(name)}: ${part.ok ? 'ok' : 'down'} for ${formatDuration(context.now.getTime() - part.since.getTime())}${part.detail ? ` (${escape(part.detail)})` : ''}`,
  );
  return [
    `watchbell ${services.version}, ${formatTime(context.now, context.timeZone, context.now)}`,
    ...lines,
    ...services.broken.map((one) => `🟠 a skill could not be loaded: ${escape(one.file)}: ${escape(one.reason)}`),
  ].join('\n');
}

function whoami({ sender, room }: CoreContext): string {
  const listed = sender.person === undefined ? 'not listed under `people:`' : `listed as ${escape(sender.person)}`;
  const groups = sender.groups.length > 0 ? `, in the groups ${sender.groups.map(escape).join(', ')}` : '';
  return `You are ${escape(sender.name)}, \`${escape(sender.accountId)}\` on ${escape(sender.connector)}, ${listed}${groups}${sender.guest ? ', a guest' : ''}. This room is ${room.name === undefined ? 'not configured' : escape(room.name)}.`;
}

function rooms(context: CoreContext): string {
  const all = context.rooms.all();
  if (all.length === 0) return 'No rooms are configured yet; add some under `rooms:`.';
  return all
    .map(
      (room) =>
        `**${escape(room.name)}**: ${room.addresses.map((address) => `${escape(address.connector)} \`${escape(address.room)}\``).join(', ')}${room.failover ? `, failover ${escape(room.failover)}` : ''}`,
    )
    .join('\n');
}

function skills(services: CoreServices): string {
  const loaded = [...services.registry().skills.values()].map(
    ({ skill }) => `**${escape(skill.name)}**${skill.description ? `: ${escape(skill.description)}` : ''}`,
  );
  return [...loaded, ...services.broken.map((one) => `🟠 not loaded: ${escape(one.file)}: ${escape(one.reason)}`)].join(
    '\n',
  );
}

async function why(context: CoreContext): Promise<string> {
  const reference = context.args['ref'] === undefined ? undefined : String(context.args['ref']).replace(/^#/, '');
  if (reference !== undefined && /^[0-9a-f]{8}$/.test(reference)) return whyError(context, reference);
  if (reference !== undefined && !/^\d{1,15}$/.test(reference))
    throw new CommandError('Say `why` for your last command, or `why` and an error number.');
  const [row] = await context.sql<{
    at: Date;
    text: string;
    result: string;
    because: string;
    command: string;
    skill: string;
  }>(
    reference === undefined
      ? `select at, text, result, because, command, skill from audit where connector = $1 and room = $2 and account = $3 order by id desc limit 1`
      : `select at, text, result, because, command, skill from audit where connector = $1 and room = $2 and event_id = $4 and $3::text is not null`,
    reference === undefined
      ? [context.room.connector, context.room.room, context.sender.accountId]
      : [context.room.connector, context.room.room, context.sender.accountId, reference],
  );
  if (!row) throw new CommandError('I have no record of that command in this room.');
  return `\`${escape(row.text)}\` (${formatTime(row.at, context.timeZone, context.now)}) was the command ${escape(row.command)} of ${escape(row.skill)}: ${escape(row.result)}, because ${escape(row.because)}`;
}

/** Admins only, because error messages may contain confidential details. */
async function whyError(context: CoreContext, short: string): Promise<string> {
  if (!context.sender.groups.includes('admins'))
    throw new CommandError('Only admins can look up errors; give one of them this number.');
  const [row] = await context.sql<{ at: Date; skill: string | null; message: string; event_id: number | null }>(
    `select at, skill, message, event_id from errors where id::text like $1 || '%' limit 1`,
    [short],
  );
  if (!row) throw new CommandError('There is no error with this number; old errors are deleted.');
  return `${formatTime(row.at, context.timeZone, context.now)}${row.skill ? `, skill ${escape(row.skill)}` : ''}: ${escape(cut(row.message, 500))}${row.event_id ? `\nTo retry: \`watchbell events replay ${row.event_id}\`` : ''}`;
}
