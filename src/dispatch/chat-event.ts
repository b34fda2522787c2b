import { type MessageLike, type RoomAddress, toMessage } from '../chat/message.ts';
import { addressed, firstLine, type Addressing } from '../commands/addressing.ts';
import type { IncomingEvent, Sender } from '../connectors/connector.ts';
import type { Actor } from '../contract/actor.ts';
import type { Transaction } from '../db/database.ts';
import { originalLane, type EventRow } from '../events/event.ts';
import { findConversation, type ConversationRow } from '../handlers/conversation.ts';
import { coreMessage } from '../handlers/notice.ts';
import type { Outbox } from '../handlers/outbox.ts';
import type { Registry } from '../registry/registry.ts';
import { keepAnswers, recordInteraction, type RecordedInteraction } from './interaction.ts';
import { findShown, meaningOfInteraction, meaningOfReaction, type Location, type Meaning } from './offered-action.ts';
import { runCommand, type Answer, type Outcome } from './run-command.ts';
import type { Place, CommandRequest } from './command-request.ts';

export interface ChatInput {
  readonly registry: Registry;
  readonly row: EventRow;
  readonly event: IncomingEvent;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  /** Called before a command runs, which may fail. */
  readonly onCommand: (skill: string, command: string) => void;
}

export interface ChatResult {
  /**
   * `park`: the message tapped on is not confirmed yet; the event waits without blocking its room. `unpark`: it is confirmed now;
   * the event returns to its room's lane, where events are handled one at a time.
   */
  readonly result: Exclude<Outcome, 'confirm'> | 'ignored' | 'park' | 'unpark';
  readonly skill?: string;
  readonly command?: string;
}

/** A tap on a message whose send is unresolved waits at most this long. */
const TAP_WAIT_MS = 5 * 60_000;

const NOT_CONFIGURED = 'This room is not in my configuration, so I do nothing here.';

/** The request, as far as the event alone determines it. */
type Line = Pick<CommandRequest, 'text' | 'answerUnknown' | 'tapped' | 'about' | 'unnamed'>;

/** Handles a message, reaction or interaction in a room: finds the actor and the command, checks access, runs it and answers. */
export async function handleChat(input: ChatInput): Promise<ChatResult> {
  const { registry, row } = input;
  const address: RoomAddress = { connector: row.source, room: input.event.room };
  const room = registry.rooms.byAddress(address);
  if (input.event.sender.bot) return { result: 'ignored' };
  const conversation = room ? undefined : await findConversation(input.transaction.query, address);
  // People talk to each other there, even if only one of them has joined so far.
  if (conversation) return inConversation({ ...input, event: { ...input.event, direct: false } }, conversation);
  if (!room && !input.event.direct) {
    if (input.event.type === 'interaction') answerAsker(input, address, coreAnswer(NOT_CONFIGURED));
    return { result: 'ignored' };
  }
  return inRoom(input, { address, name: room?.name, direct: input.event.direct });
}

/** In a conversation, the skill that opened it listens as in the room it belongs to. Once that room is gone, none does. */
function inConversation(input: ChatInput, { skill, belongsTo, ...address }: ConversationRow): Promise<ChatResult> {
  if (!input.registry.rooms.byName(belongsTo)) return Promise.resolve({ result: 'ignored' });
  return inRoom(input, { address, name: belongsTo, direct: false, onlySkill: skill });
}

async function inRoom(input: ChatInput, place: Place): Promise<ChatResult> {
  const { registry, event, row, transaction, outbox, now, onCommand } = input;
  const actor = accountActor(registry, row.source, event.sender);
  const line = event.type === 'message' ? await typed(input, event) : await tapped(input, event, place.address);
  if (line === 'park') return { result: 'park' };
  if (row.lane !== null && originalLane(row.lane) !== row.lane) return { result: 'unpark' };
  if (line === undefined) return { result: 'ignored' };
  const press = pressOf(event, actor, line.text);
  const before = press && (await recordInteraction(transaction.query, press, now));
  if (before) {
    for (const answer of before) answerAsker(input, place.address, answer);
    return { result: 'ignored' };
  }
  // A slash command that does not exist interests nobody else, and the room did not see it.
  const isPrivate = event.type === 'interaction' && registry.capabilities(place.address.connector)?.asker === true;
  const { outcome, skill, command, answers } = await runCommand(
    {
      ...{ registry, transaction, outbox, now, onCommand },
      eventId: row.id,
      answer: (answer) => reply(input, place.address, event, answer),
    },
    { ...line, actor, place, lateMs: row.late_ms, ...(isPrivate && { refusalsTo: 'asker' }) },
  );
  if (press) await keepAnswers(transaction.query, press, answers);
  // Whoever pressed must get a response, even if the command has none.
  if (event.type === 'interaction' && answers.length === 0)
    answerAsker(input, place.address, coreAnswer(outcome === 'ignored' ? 'That does nothing here.' : 'Done.'));
  return {
    // Asking for confirmation counts as `ok`, like any other answer.
    result: outcome === 'confirm' ? 'ok' : outcome,
    ...(skill !== undefined && { skill }),
    ...(command !== undefined && { command }),
  };
}

function pressOf(event: IncomingEvent, actor: Actor, command: string): RecordedInteraction | undefined {
  if (event.type !== 'interaction' || !event.press) return undefined;
  return { message: event.press.message, account: `${actor.connector}:${actor.accountId}`, command };
}

/** Answers only whoever did it. Where the platform cannot do that, there is no answer: the room shows the previous one. */
function answerAsker(input: ChatInput, address: RoomAddress, answer: Answer): void {
  if (input.registry.capabilities(address.connector)?.asker)
    reply(input, address, input.event, { ...answer, visibility: 'asker' });
}

/** The actor for a platform account. */
export function accountActor(registry: Registry, connector: string, sender: Sender): Actor {
  const person = registry.people.byAccount(connector, sender.accountId);
  return {
    kind: 'account',
    connector,
    accountId: sender.accountId,
    name: registry.people.nameOf(connector, sender.accountId, sender.name),
    person: person?.id,
    groups: person?.groups ?? [],
    guest: sender.guest,
    bot: sender.bot,
  };
}

async function typed(input: ChatInput, event: IncomingEvent & { type: 'message' }): Promise<Line | undefined> {
  // An edited command is not run again: the original was.
  if (event.edits !== undefined) return undefined;
  const line = addressed(event, [input.registry.botName, ...(event.names ?? [])]);
  const target = event.replyTo ?? event.thread;
  const own = target === undefined ? undefined : await findShown(hereOf(input), target);
  const root = own ?? (event.replyTo && event.thread ? await findShown(hereOf(input), event.thread) : undefined);
  const about = root?.about ?? undefined;
  if (line.to === 'nobody') {
    // In threads of the bot's messages people also talk to each other.
    const text = firstLine(event.text);
    const lookup = input.registry.commands.find(text);
    const isMeant = lookup.found === 'command' || (lookup.found === 'misfit' && lookup.isSlip);
    const isSecret = lookup.found !== 'nothing' && lookup.entry.command.secret === true;
    return root && isMeant && !isSecret
      ? { text, answerUnknown: false, tapped: false, about, unnamed: true }
      : undefined;
  }
  const isCommand = (text: string): boolean => input.registry.commands.find(text).found === 'command';
  const text = line.whole !== undefined && isCommand(line.whole) ? line.whole : line.text;
  return { text, answerUnknown: isQuestion(line, event), tapped: false, about };
}

/** Whether to answer if it is not a command. */
function isQuestion(line: Addressing & { to: 'bot' }, event: IncomingEvent & { type: 'message' }): boolean {
  if (line.by === 'prefix') return false;
  // The bot's name may be a word in a conversation between people.
  if (line.whole !== undefined && !event.mentionsBot) return event.direct;
  // Clients mention whoever is replied to, so a plain reply to the bot is not a question to it.
  return (line.by !== 'mention' && line.whole === undefined) || event.replyTo === undefined;
}

async function tapped(
  input: ChatInput,
  event: Exclude<IncomingEvent, { type: 'message' }>,
  address: RoomAddress,
): Promise<Line | 'park' | undefined> {
  const { now, row } = input;
  if (event.type === 'interaction' && event.words !== undefined)
    return { text: event.words, answerUnknown: true, tapped: false, about: undefined };
  const meaning = await meaningOf(hereOf(input), event, now);
  if (meaning === 'unconfirmed') return now.getTime() - row.accepted_at.getTime() < TAP_WAIT_MS ? 'park' : undefined;
  if (meaning !== 'nothing') return { text: meaning.command, answerUnknown: false, tapped: true, about: meaning.about };
  if (event.type === 'interaction')
    reply(input, address, event, {
      ...coreAnswer(`That button is out of date; use the newest message.`),
      ...(input.registry.capabilities(address.connector)?.asker && { visibility: 'asker' }),
    });
  return undefined;
}

function meaningOf(here: Location, event: Exclude<IncomingEvent, { type: 'message' }>, now: Date): Promise<Meaning> {
  if (event.type === 'reaction') return meaningOfReaction(here, event, now);
  return event.press ? meaningOfInteraction(here, event.press) : Promise.resolve('nothing');
}

function hereOf({ transaction, row, event }: ChatInput): Location {
  return { query: transaction.query, connector: row.source, room: event.room };
}

/** An answer by the bot itself, rather than by a skill. */
export function coreAnswer(message: MessageLike): Answer {
  return { skill: 'core', message: toMessage(message), visibility: 'everyone' };
}

/** Answers in the same room and thread, ahead of bulk. By default a notice, which does not notify. */
export function reply(
  input: Pick<ChatInput, 'registry' | 'outbox' | 'row'>,
  address: RoomAddress,
  event: IncomingEvent,
  { skill, message, visibility }: Answer,
): void {
  const typedMessage = event.type === 'message' ? event : undefined;
  input.outbox.intend({
    ...coreMessage(address, { notice: true, ...message }, { eventId: input.row.id }),
    skill,
    replyTo: typedMessage?.id ?? null,
    thread: typedMessage?.thread ?? null,
    // Typed messages are answered where everyone can read them; in a direct conversation there is nobody else.
    ...(visibility === 'asker' && !typedMessage && !event.direct && { visibleTo: event.sender.accountId }),
    ...(event.type === 'interaction' &&
      event.respond && { respond: { ...event.respond, until: new Date(event.respond.until) } }),
  });
}
