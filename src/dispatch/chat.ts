import { formatDuration } from '../chat/duration.ts';
import { escape, toMessage, type Action, type Message, type MessageLike } from '../chat/message.ts';
import type { IncomingEvent } from '../connectors/connector.ts';
import type { Transaction } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Asker, CommandContext, RoomAddress } from '../skill.ts';
import { addressed, firstLine, type Addressing } from './addressing.ts';
import { writeAudit } from './audit.ts';
import type { IndexedCommand, Lookup } from './command-index.ts';
import { createContext, runHandler } from './context.ts';
import { findConversation, type ConversationRow } from './conversation.ts';
import type { Effects } from './effects.ts';
import type { EventRow } from './event.ts';
import { coreMessage } from './notice.ts';
import type { World } from './world.ts';

/** What a command that was understood and allowed counts as. */
type Counts = 'ok' | 'invalid' | 'cancelled' | 'wrong';

export interface ChatInput {
  readonly world: World;
  readonly row: EventRow;
  readonly event: IncomingEvent;
  readonly transaction: Transaction;
  readonly effects: Effects;
  readonly now: Date;
  /** Called before a command runs, which may fail. */
  readonly onCommand: (skill: string, command: string) => void;
}

export interface ChatResult {
  /** `retry`: the message tapped on is not known yet. */
  readonly result: Counts | 'denied' | 'ignored' | 'retry';
  readonly skill?: string;
  readonly command?: string;
}

/** A tap on a message whose send is unresolved waits at most this long. */
const TAP_WAIT_MS = 5 * 60_000;

/** Of so many rooms the first are named. */
const MOST_ROOMS = 5;

type Known = Exclude<Lookup, { readonly found: 'nothing' }>;

interface Said {
  readonly text: string;
  /** Unknown words get an answer. */
  readonly answerUnknown: boolean;
  readonly tapped: boolean;
  readonly about: string | undefined;
  /** Nothing but its place, below a message of the bot, says that the bot is meant. */
  readonly unnamed?: boolean;
}

/** Handles one thing said, tapped or pressed in a room: who, may they, which command, run it, answer. */
export async function handleChat(input: ChatInput): Promise<ChatResult> {
  const { world, row } = input;
  const address: RoomAddress = { connector: row.source, room: input.event.room };
  const room = world.rooms.byAddress(address);
  if (input.event.sender.bot) return { result: 'ignored' };
  const conversation = room ? undefined : await findConversation(input.transaction.query, address);
  // People talk to each other there, also while only one of them has come.
  if (conversation) return inConversation({ ...input, event: { ...input.event, direct: false } }, conversation);
  if (!room && !input.event.direct) return { result: 'ignored' };
  return inRoom(input, { address, roomName: room?.name });
}

/** The skill that opened it listens there, as in the room it belongs to. Without that room nobody does. */
function inConversation(input: ChatInput, { skill, belongsTo, ...address }: ConversationRow): Promise<ChatResult> {
  if (!input.world.rooms.byName(belongsTo)) return Promise.resolve({ result: 'ignored' });
  return inRoom(input, { address, roomName: belongsTo, onlySkill: skill });
}

async function inRoom(input: ChatInput, here: Omit<Place, 'asker' | 'said'>): Promise<ChatResult> {
  const { world, event, row } = input;
  const asker = askerOf(world, row.source, event);
  const said = event.type === 'message' ? await typed(input, event) : await tapped(input, event, here.address);
  if (said === 'retry' || said === undefined) return { result: said ?? 'ignored' };
  return run(input, { ...here, asker, said });
}

function askerOf(world: World, connector: string, event: IncomingEvent): Asker {
  const person = world.people.byAccount(connector, event.sender.accountId);
  return {
    connector,
    accountId: event.sender.accountId,
    name: world.people.nameOf(connector, event.sender.accountId, event.sender.name),
    person: person?.id,
    groups: person?.groups ?? [],
    guest: event.sender.guest,
    bot: event.sender.bot,
  };
}

async function typed(input: ChatInput, event: IncomingEvent & { type: 'message' }): Promise<Said | undefined> {
  // An edited command is not run again: what was said first was run.
  if (event.edits !== undefined) return undefined;
  const line = addressed(event, [input.world.botName, ...(event.names ?? [])]);
  const target = event.replyTo ?? event.thread;
  const own = target === undefined ? undefined : await findShown(input, target);
  const root = own ?? (event.replyTo && event.thread ? await findShown(input, event.thread) : undefined);
  const about = root?.about ?? undefined;
  if (line.to === 'nobody') {
    // Below a message of the bot people also talk to each other.
    const text = firstLine(event.text);
    const lookup = input.world.commands.find(text);
    const isMeant = lookup.found === 'command' || (lookup.found === 'misfit' && lookup.isSlip);
    return root && isMeant ? { text, answerUnknown: false, tapped: false, about, unnamed: true } : undefined;
  }
  const isCommand = (text: string): boolean => input.world.commands.find(text).found === 'command';
  const text = line.whole !== undefined && isCommand(line.whole) ? line.whole : line.text;
  return { text, answerUnknown: isQuestion(line, event), tapped: false, about };
}

/** Whether words that are no command get an answer. */
function isQuestion(line: Addressing & { to: 'bot' }, event: IncomingEvent & { type: 'message' }): boolean {
  if (line.by === 'prefix') return false;
  // The name may be a word of what people say to each other.
  if (line.whole !== undefined && !event.mentionsBot) return event.direct;
  // Clients mention whoever is replied to: a plain reply to the bot is no question to it.
  return (line.by !== 'mention' && line.whole === undefined) || event.replyTo === undefined;
}

async function tapped(
  input: ChatInput,
  event: Exclude<IncomingEvent, { type: 'message' }>,
  address: RoomAddress,
): Promise<Said | 'retry' | undefined> {
  const { transaction, now, row } = input;
  const shown = await findShown(input, event.target);
  if (!shown) {
    const [unknown] = await transaction.query(
      'select 1 from messages where connector = $1 and room = $2 and pending and attempt is not null order by queue, position limit 1',
      [address.connector, address.room],
    );
    return unknown && now.getTime() - row.accepted_at.getTime() < TAP_WAIT_MS ? 'retry' : undefined;
  }
  const command = commandOf(shown.actions, event);
  if (command !== undefined)
    return { text: command, answerUnknown: false, tapped: true, about: shown.about ?? undefined };
  if (event.type === 'press')
    reply(input, address, event, 'core', `That button is out of date; look at the newest message.`);
  return undefined;
}

/** Resolved against what the room was last shown, with the arguments frozen there. */
function commandOf(actions: readonly Action[], event: Exclude<IncomingEvent, { type: 'message' }>): string | undefined {
  if (event.type === 'press')
    return actions.some((action) => action.command === event.command || action.undo === event.command)
      ? event.command
      : undefined;
  const emoji = plainEmoji(event.emoji);
  const action = actions.find((one) => [one.emoji, ...(one.also ?? [])].some((other) => plainEmoji(other) === emoji));
  return event.type === 'reaction' ? action?.command : action?.undo;
}

/** Clients differ in the variation selector and in skin tones. */
function plainEmoji(emoji: string): string {
  return emoji.replace(/[\ufe0e\ufe0f]|[\u{1f3fb}-\u{1f3ff}]/gu, '');
}

interface ShownMessage {
  /** The key of what it is about: its own; that of the message it stands below; of one that was carried here, that one's. */
  readonly about: string | null;
  readonly actions: readonly Action[];
}

/** In the room where it is said, for an id of elsewhere says nothing here. */
async function findShown(input: ChatInput, remoteId: string): Promise<ShownMessage | undefined> {
  const { transaction, world, row, event } = input;
  const local = world.localConnectors.has(row.source);
  if (local && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(remoteId)) return undefined;
  const about = `coalesce(c.key, c.thread_key, m.key, m.thread_key) as about`;
  const carried = `left join messages c on c.id = case when m.skill = 'core' and m.key like 'failover:%' then substr(m.key, 10)::uuid end`;
  const [found] = await transaction.query<{ about: string | null; shown_actions: string | null; content: string }>(
    local
      ? `select ${about}, m.shown_actions, m.content from messages m ${carried} where m.connector = $1 and m.id = $2::uuid and m.room = $3`
      : `select ${about}, m.shown_actions, '' as content from message_remotes r join messages m on m.id = r.message_id ${carried} where r.connector = $1 and r.remote_id = $2 and m.room = $3`,
    [row.source, remoteId, event.room],
  );
  if (!found) return undefined;
  const actions = local
    ? ((JSON.parse(found.content) as Message).actions ?? [])
    : (JSON.parse(found.shown_actions ?? '[]') as Action[]);
  return { about: found.about, actions };
}

interface Place {
  readonly address: RoomAddress;
  readonly roomName: string | undefined;
  /** In a conversation: the skill that opened it. */
  readonly onlySkill?: string;
  readonly asker: Asker;
  readonly said: Said;
}

async function run(input: ChatInput, place: Place): Promise<ChatResult> {
  const { world, row, event } = input;
  const { said, address } = place;
  const lookup = world.commands.find(said.text);
  if (lookup.found === 'nothing') return unknown(input, place);
  const { entry } = lookup;
  const isDeaf = place.onlySkill !== undefined && place.onlySkill !== entry.skill && entry.skill !== 'core';
  if (isDeaf) return { result: 'ignored' };
  if (!listens(world, entry.skill, place.roomName, event.direct)) return elsewhere(input, place, lookup);
  const decision = world.decide({
    asker: place.asker,
    skill: entry.skill,
    command: entry.name,
    class: entry.command.class ?? 'read',
    room: place.roomName,
    direct: event.direct,
  });
  const end = async (result: Counts | 'denied', because: string): Promise<ChatResult> => {
    await writeAudit(input.transaction.query, {
      at: input.now,
      eventId: row.id,
      room: address,
      asker: place.asker,
      skill: entry.skill,
      command: entry.name,
      text: said.text,
      result,
      because,
    });
    return { result, skill: entry.skill, command: entry.name };
  };
  if (!decision.allow) {
    reply(input, address, event, entry.skill, `Not allowed: ${escape(decision.because)}`);
    return end('denied', decision.because);
  }
  if (lookup.found === 'misfit') {
    reply(input, address, event, entry.skill, misfitReply(lookup));
    return end('invalid', decision.because);
  }
  if (said.unnamed && lookup.isLoose && entry.command.class === 'act') {
    const again = escape(`${world.botName}: ${said.text}`);
    reply(input, address, event, entry.skill, `If you mean me, say it with my name: \`${again}\``);
    return end('wrong', 'not addressed');
  }
  if (row.late_ms > 0 && (entry.command.late ?? 'ask') === 'ask') {
    reply(
      input,
      address,
      event,
      entry.skill,
      `I was away, and this is ${formatDuration(row.late_ms)} old. If you still want it, say it again: \`${escape(said.text)}\``,
    );
    return end('wrong', 'late');
  }
  const rooms = lookup.rooms.map((name) => [name, world.rooms.byName(String(lookup.args[name]))] as const);
  const strange = rooms.find(([name, found]) => lookup.args[name] !== undefined && !found);
  if (strange) {
    reply(
      input,
      address,
      event,
      entry.skill,
      `No room is called "${escape(String(lookup.args[strange[0]]))}"; say \`rooms\` to see them`,
    );
    return end('invalid', decision.because);
  }
  const args = { ...lookup.args, ...Object.fromEntries(rooms.filter(([, found]) => found)) };
  return end(await runCommand(input, place, { ...lookup, args }), decision.because);
}

function listens(world: World, skill: string, roomName: string | undefined, direct: boolean): boolean {
  const rooms = world.skills.get(skill)?.rooms;
  return direct || rooms === undefined || (roomName !== undefined && rooms.has(roomName));
}

/**
 * A skill is asked where it does not listen: by name or mention it says where it does, by `!` only to one of its commands.
 * To whoever may ask for the rooms; not after an outage, when a room's own bot has answered long ago.
 */
function elsewhere(input: ChatInput, place: Place, { found, entry }: Known): ChatResult {
  const { world, row, event } = input;
  const { said, address, asker, roomName } = place;
  if (said.tapped || row.late_ms > 0 || (!said.answerUnknown && found !== 'command')) return { result: 'ignored' };
  const asked = { asker, skill: 'core', command: 'rooms', class: 'read' as const };
  if (!world.decide({ ...asked, room: roomName, direct: event.direct }).allow) return { result: 'ignored' };
  const rooms = [...(world.skills.get(entry.skill)?.rooms ?? [])].map(escape);
  const named = rooms.slice(0, MOST_ROOMS).join(', ');
  const where =
    rooms.length === 0
      ? `, nor in any other yet: give it one under \`skills.${entry.skill}\``
      : `; it does in ${named}${rooms.length > MOST_ROOMS ? ` and ${rooms.length - MOST_ROOMS} more` : ''}`;
  const text = `\`${entry.skill}\` does not listen in this room${where}.`;
  reply(input, address, event, 'core', text);
  return { result: 'invalid', skill: 'core', command: 'other' };
}

async function runCommand(input: ChatInput, place: Place, lookup: Lookup & { found: 'command' }): Promise<Counts> {
  const { world, transaction, effects, now, row, event } = input;
  const { entry } = lookup;
  input.onCommand(entry.skill, entry.name);
  const loaded = world.skills.get(entry.skill);
  if (!loaded) throw new Error(`the skill "${entry.skill}" is not loaded`);
  const revocable = createContext({ world, loaded, transaction, effects, now, eventId: row.id });
  let result: Counts = 'ok';
  const answer = async (message: MessageLike): Promise<void> => {
    revocable.alive();
    reply(input, place.address, event, entry.skill, message);
  };
  const answerAs = (counts: Counts, message: MessageLike): Promise<void> => {
    result = counts;
    return answer(message);
  };
  const context: CommandContext<unknown, Record<string, unknown>> = Object.assign(
    Object.create(revocable.context) as typeof revocable.context,
    {
      ...revocable.context,
      args: lookup.args,
      sender: place.asker,
      room: { ...place.address, name: place.roomName, direct: event.direct },
      eventId: String(row.id),
      about: place.said.about,
      tapped: place.said.tapped,
      lateMs: row.late_ms,
      reply: answer,
      wrong: (message: MessageLike) => answerAs('wrong', message),
      cancelled: (message: MessageLike) => answerAs('cancelled', message),
      invalid: (message: MessageLike) => answerAs('invalid', message),
    },
  );
  const before = effects.mark();
  await transaction.script('savepoint command');
  try {
    const handled = await runHandler(revocable, () => entry.command.run(context));
    if (handled !== undefined) reply(input, place.address, event, entry.skill, handled);
  } catch (error) {
    if (codeOf(error) !== 'WB_COMMAND') throw error;
    result = 'wrong';
    // A command that refuses itself half-way has done nothing.
    await transaction.script('rollback to savepoint command');
    effects.rewind(before);
    reply(input, place.address, event, entry.skill, messageOf(error));
  }
  return result;
}

function misfitReply(lookup: Lookup & { found: 'misfit' }): string {
  const usage = `\`${readable(lookup.entry)}\``;
  return lookup.misfit ? `${escape(lookup.misfit.says)}. Say it like this: ${usage}` : `Say it like this: ${usage}`;
}

/** A pattern as people read it: `ack [ID…] [for 2h] [note]`. */
export function readable(entry: IndexedCommand): string {
  return entry.pattern
    .replace(/\{\w+:ids\?\}/g, '[ID…]')
    .replace(/\{\w+:ids\}/g, 'ID…')
    .replace(/\{\w+:duration\}/g, '2h')
    .replace(/\[\{(\w+)[^}]*\}\]/g, '[$1]')
    .replace(/\{(\w+)(?:\.\.\.)?\?\}/g, '[$1]')
    .replace(/\{(\w+):(?:\w+)\?\}/g, '[$1]')
    .replace(/\{(\w+)[^}]*\}/g, (_, name: string) => name.toUpperCase());
}

async function unknown(input: ChatInput, place: Place): Promise<ChatResult> {
  const { world, event } = input;
  if (!place.said.answerUnknown || !(place.roomName !== undefined || place.asker.person !== undefined))
    return { result: 'ignored', skill: 'core', command: 'other' };
  const usable = world.commands.all.filter(
    (entry) =>
      !entry.command.hidden &&
      (place.onlySkill === undefined || [place.onlySkill, 'core'].includes(entry.skill)) &&
      listens(world, entry.skill, place.roomName, event.direct) &&
      world.decide({
        asker: place.asker,
        skill: entry.skill,
        command: entry.name,
        class: entry.command.class ?? 'read',
        room: place.roomName,
        direct: event.direct,
      }).allow,
  );
  const near = world.commands.nearest(place.said.text, usable);
  const said = place.said.text === '' ? 'Yes?' : `I do not know that.`;
  reply(
    input,
    place.address,
    event,
    'core',
    near ? `${said} Did you mean \`${readable(near)}\`?` : `${said} Say \`help\` to see what I can do.`,
  );
  return { result: 'invalid', skill: 'core', command: 'other' };
}

/** Answers in the same room and thread, ahead of bulk. Chatter by default: it rings nobody. */
export function reply(
  input: Pick<ChatInput, 'world' | 'effects' | 'row'>,
  address: RoomAddress,
  event: IncomingEvent,
  skill: string,
  message: MessageLike,
): void {
  const typedMessage = event.type === 'message' ? event : undefined;
  input.effects.want({
    ...coreMessage(input.world, address, { notice: true, ...toMessage(message) }, { eventId: input.row.id }),
    skill,
    replyTo: typedMessage?.id ?? null,
    thread: typedMessage?.thread ?? null,
  });
}
