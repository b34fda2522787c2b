import { formatDuration } from '../chat/duration.ts';
import { type Message, type MessageLike, type RoomAddress, escape, toMessage } from '../chat/message.ts';
import type { Decision } from '../commands/access.ts';
import { writeAudit } from '../commands/audit.ts';
import type { IndexedCommand, Lookup } from '../commands/command-index.ts';
import type { Actor, Visibility } from '../contract/actor.ts';
import type { CommandContext } from '../contract/context.ts';
import type { Transaction } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import { createContext } from '../handlers/context.ts';
import type { Outbox } from '../handlers/outbox.ts';
import { runHandler } from '../handlers/run-handler.ts';
import type { Registry } from '../registry/registry.ts';
import { answerElsewhere, answerUnknown, isListening, usageReply } from './unknown-command.ts';

/** What became of a line that was a command, or was meant as one. A handler that throws fails the event instead. */
export type Outcome = 'ok' | 'invalid' | 'denied' | 'wrong' | 'cancelled' | 'confirm';

/** Where something is said: a room, a direct message, or a way in that has no room (REST, the command line). */
export interface Place {
  readonly address: RoomAddress;
  /** The configured name, which access rules and skills go by. */
  readonly name: string | undefined;
  readonly direct: boolean;
  /** In a conversation: the skill that opened it. */
  readonly onlySkill?: string;
}

/** A line that an actor says, wherever from. */
export interface CommandRequest {
  readonly actor: Actor;
  readonly place: Place;
  readonly text: string;
  /** Words that are no command get an answer. */
  readonly answerUnknown: boolean;
  readonly tapped: boolean;
  /** Key of the message that it is about. */
  readonly about: string | undefined;
  /** Nothing but its place, below a message of the bot, says that the bot is meant. */
  readonly unnamed?: boolean;
  /** Nobody was listening when it was said, so long ago; else 0. */
  readonly lateMs: number;
}

export interface Answer {
  readonly skill: string;
  readonly message: Message;
  readonly visibility: Visibility;
}

export interface CommandInput {
  readonly registry: Registry;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  readonly eventId: number;
  /** Called before a command runs, which may fail. */
  readonly onCommand: (skill: string, command: string) => void;
  /** Called for each answer, at its place among the effects; one that is taken back is taken out of the effects alone. */
  readonly answer?: (answer: Answer) => void;
}

export interface CommandResult {
  readonly outcome: Outcome | 'ignored';
  readonly skill?: string;
  readonly command?: string;
  /** All answers that stand, in order. */
  readonly answers: readonly Answer[];
  /** With `confirm`: the words that do it. */
  readonly say?: string;
}

type Known = Exclude<Lookup, { readonly found: 'nothing' }>;
type Fit = Extract<Lookup, { readonly found: 'command' }>;

/** Finds the command that a line says, asks whether the actor may, runs it, and writes the audit. */
export function runCommand(input: CommandInput, said: CommandRequest): Promise<CommandResult> {
  return new Saying(input, said).run();
}

/** One line on its way through lookup, access and handler. */
class Saying {
  readonly #input: CommandInput;
  readonly #said: CommandRequest;
  #answers: Answer[] = [];
  #say: string | undefined;

  constructor(input: CommandInput, said: CommandRequest) {
    this.#input = input;
    this.#said = said;
  }

  async run(): Promise<CommandResult> {
    const { registry } = this.#input;
    const { place, text } = this.#said;
    const lookup = registry.commands.find(text);
    if (lookup.found === 'nothing') return this.#noCommand(answerUnknown(registry, this.#said));
    const { skill } = lookup.entry;
    const isDeaf = place.onlySkill !== undefined && place.onlySkill !== skill && skill !== 'core';
    if (isDeaf) return { outcome: 'ignored', answers: [] };
    if (!isListening(registry, skill, place)) return this.#noCommand(answerElsewhere(registry, this.#said, lookup));
    return this.#known(lookup);
  }

  /** No command was said, so nothing is to be audited. */
  #noCommand(text: string | undefined): CommandResult {
    if (text === undefined) return { outcome: 'ignored', skill: 'core', command: 'other', answers: [] };
    this.#answer('core', text);
    return { outcome: 'invalid', skill: 'core', command: 'other', answers: this.#answers };
  }

  async #known(lookup: Known): Promise<CommandResult> {
    const { registry } = this.#input;
    const { actor, place } = this.#said;
    const { entry } = lookup;
    const args = lookup.found === 'command' ? withRooms(registry, lookup) : undefined;
    const loaded = registry.skills.get(entry.skill);
    const decision = registry.decide({
      actor,
      skill: entry.skill,
      command: entry.name,
      class: entry.command.class ?? 'read',
      room: place.name,
      direct: place.direct,
      ...(args?.args && { resource: entry.command.resource?.(args.args, loaded?.options) }),
    });
    const { outcome, because } = await this.#decided(lookup, decision, args);
    await this.#audit(entry, outcome, because);
    const said = { outcome, skill: entry.skill, command: entry.name, answers: this.#answers };
    // One that asked and then refused itself asks for nothing any more.
    return outcome === 'confirm' && this.#say !== undefined ? { ...said, say: this.#say } : said;
  }

  async #decided(
    lookup: Known,
    { allow, because }: Decision,
    given: WithRooms | undefined,
  ): Promise<{ outcome: Outcome; because: string }> {
    const { entry } = lookup;
    const refuse = (outcome: Outcome, why: string, text: string) => {
      this.#answer(entry, text);
      return { outcome, because: why };
    };
    if (!allow) return refuse('denied', because, `Not allowed: ${escape(because)}`);
    if (lookup.found === 'misfit') return refuse('invalid', because, usageReply(lookup));
    const { text, unnamed, lateMs } = this.#said;
    if (unnamed && lookup.isLoose && entry.command.class === 'act') {
      const again = escape(`${this.#input.registry.botName}: ${text}`);
      return refuse('wrong', 'not addressed', `If you mean me, say it with my name: \`${again}\``);
    }
    if (lateMs > 0 && (entry.command.late ?? 'ask') === 'ask')
      return refuse(
        'wrong',
        'late',
        `I was away, and this is ${formatDuration(lateMs)} old. If you still want it, say it again: \`${escape(text)}\``,
      );
    if (!given?.args) {
      const strange = escape(given?.unknownRoom ?? '');
      return refuse('invalid', because, `No room is called "${strange}"; say \`rooms\` to see them`);
    }
    return { outcome: await this.#handle(entry, given.args), because };
  }

  async #handle(entry: IndexedCommand, args: Record<string, unknown>): Promise<Outcome> {
    const { registry, transaction, outbox, now, eventId } = this.#input;
    this.#input.onCommand(entry.skill, entry.name);
    const loaded = registry.skills.get(entry.skill);
    if (!loaded) throw new Error(`the skill "${entry.skill}" is not loaded`);
    const revocable = createContext({ registry, loaded, transaction, outbox, now, eventId });
    let outcome: Outcome = 'ok';
    const answerAs =
      (counts?: Outcome) =>
      async (message: MessageLike, say?: string): Promise<void> => {
        revocable.alive();
        outcome = counts ?? outcome;
        if (counts === 'confirm') this.#say = say;
        this.#answer(entry, message);
      };
    const { actor, place, about, tapped, lateMs } = this.#said;
    const context: CommandContext<unknown, Record<string, unknown>> = {
      ...revocable.context,
      args,
      sender: actor,
      room: { ...place.address, name: place.name, direct: place.direct },
      eventId: String(eventId),
      ...{ about, tapped, lateMs },
      reply: (message) => answerAs()(message),
      wrong: answerAs('wrong'),
      cancelled: answerAs('cancelled'),
      invalid: answerAs('invalid'),
      confirm: answerAs('confirm'),
    };
    const before = outbox.mark();
    await transaction.script('savepoint command');
    try {
      const handled = await runHandler(revocable, () => entry.command.run(context));
      if (handled !== undefined) this.#answer(entry, handled);
    } catch (error) {
      if (codeOf(error) !== 'WB_COMMAND') throw error;
      outcome = 'wrong';
      // A command that refuses itself half-way has done nothing.
      await transaction.script('rollback to savepoint command');
      outbox.rewind(before);
      this.#answers = [];
      this.#answer(entry, messageOf(error));
    }
    return outcome;
  }

  #answer(from: IndexedCommand | 'core', message: MessageLike): void {
    const answer: Answer = {
      skill: from === 'core' ? from : from.skill,
      message: toMessage(message),
      visibility: (from !== 'core' && from.command.visibility) || 'everyone',
    };
    this.#answers.push(answer);
    this.#input.answer?.(answer);
  }

  async #audit(entry: IndexedCommand, result: Outcome, because: string): Promise<void> {
    const { transaction, now, eventId } = this.#input;
    const { actor, place, text } = this.#said;
    await writeAudit(transaction.query, {
      at: now,
      eventId,
      room: place.address,
      actor,
      skill: entry.skill,
      command: entry.name,
      text,
      result,
      because,
    });
  }
}

/** The arguments with rooms for their names, or the name that no room has. */
interface WithRooms {
  readonly args?: Record<string, unknown>;
  readonly unknownRoom?: string;
}

function withRooms(registry: Registry, { args, rooms }: Fit): WithRooms {
  const found: Record<string, unknown> = { ...args };
  for (const name of rooms) {
    if (args[name] === undefined) continue;
    const room = registry.rooms.byName(String(args[name]));
    if (!room) return { unknownRoom: String(args[name]) };
    found[name] = room;
  }
  return { args: found };
}
