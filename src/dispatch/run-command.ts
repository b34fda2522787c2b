import { formatDuration } from '../chat/duration.ts';
import { escape, type Message, type MessageLike, toMessage } from '../chat/message.ts';
import type { Decision } from '../commands/access.ts';
import { writeAudit } from '../commands/audit.ts';
import type { IndexedCommand, Lookup } from '../commands/command-index.ts';
import type { Visibility } from '../contract/actor.ts';
import type { CommandContext } from '../contract/context.ts';
import type { Transaction } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import { createContext } from '../handlers/context.ts';
import type { Outbox } from '../handlers/outbox.ts';
import { runHandler } from '../handlers/run-handler.ts';
import type { Registry } from '../registry/registry.ts';
import type { CommandRequest } from './command-request.ts';
import { answerUnknown, isListening, notListeningReply, usageReply } from './unknown-command.ts';

/** The outcome of a command, or of text that looks like one. A handler that throws fails the event instead. */
export type Outcome = 'ok' | 'invalid' | 'denied' | 'wrong' | 'cancelled' | 'confirm';

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
  /** Called for each answer, in order with the outbox. If the command is rolled back, its answers are removed only from the outbox. */
  readonly answer?: (answer: Answer) => void;
}

export interface CommandResult {
  readonly outcome: Outcome | 'ignored';
  readonly skill?: string;
  readonly command?: string;
  /** All answers that were not rolled back, in order. */
  readonly answers: readonly Answer[];
  /** With `confirm`: the command that confirms. */
  readonly say?: string;
}

type Known = Exclude<Lookup, { readonly found: 'nothing' }>;

type Fit = Extract<Lookup, { readonly found: 'command' }>;

/** Finds the command in a line, checks access, runs it, and writes the audit. */
export function runCommand(input: CommandInput, request: CommandRequest): Promise<CommandResult> {
  return new CommandRun(input, request).run();
}

/** One line going through lookup, access check and handler. */
class CommandRun {
  readonly #input: CommandInput;
  readonly #request: CommandRequest;
  #answers: Answer[] = [];
  #say: string | undefined;

  constructor(input: CommandInput, request: CommandRequest) {
    this.#input = input;
    this.#request = request;
  }

  async run(): Promise<CommandResult> {
    const { registry } = this.#input;
    const { place, text } = this.#request;
    const lookup = registry.commands.find(text);
    if (lookup.found === 'nothing') return this.#unknown(answerUnknown(registry, this.#request));
    const { skill } = lookup.entry;
    const isForeign = place.onlySkill !== undefined && place.onlySkill !== skill && skill !== 'core';
    if (isForeign) return { outcome: 'ignored', answers: [] };
    if (!isListening(registry, skill, place)) return this.#unknown(notListeningReply(registry, this.#request, lookup));
    return this.#known(lookup);
  }

  /** It is not a command, so there is nothing to audit. */
  #unknown(text: string | undefined): CommandResult {
    if (text === undefined) return { outcome: 'ignored', skill: 'core', command: 'other', answers: [] };
    this.#answer('core', text);
    return { outcome: 'invalid', skill: 'core', command: 'other', answers: this.#answers };
  }

  async #known(lookup: Known): Promise<CommandResult> {
    const { registry } = this.#input;
    const { actor, place } = this.#request;
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
      unlisted: entry.command.unlisted,
      ...(args?.args && { resource: entry.command.resource?.(args.args, loaded?.options) }),
    });
    const { outcome, because } = await this.#decided(lookup, decision, args);
    await this.#audit(entry, outcome, because);
    const result = { outcome, skill: entry.skill, command: entry.name, answers: this.#answers };
    // A command that asked for confirmation and then failed no longer asks.
    return outcome === 'confirm' && this.#say !== undefined ? { ...result, say: this.#say } : result;
  }

  async #decided(
    lookup: Known,
    { allow, because }: Decision,
    given: WithRooms | undefined,
  ): Promise<{ outcome: Outcome; because: string }> {
    const { entry } = lookup;
    const reject = (outcome: Outcome, why: string, text: string) => {
      this.#answer(entry, text);
      return { outcome, because: why };
    };
    if (!allow) return reject('denied', because, `Not allowed: ${escape(because)}`);
    if (lookup.found === 'misfit') return reject('invalid', because, usageReply(lookup));
    const { text, unnamed, lateMs } = this.#request;
    if (unnamed && lookup.isLoose && entry.command.class === 'act') {
      const again = escape(`${this.#input.registry.botName}: ${text}`);
      return reject('wrong', 'not addressed', `If that was for me, send it with my name: \`${again}\``);
    }
    if (lateMs > 0 && (entry.command.late ?? 'ask') === 'ask')
      return reject(
        'wrong',
        'late',
        `I was offline when you sent this ${formatDuration(lateMs)} ago. If you still want it, send it again: \`${escape(text)}\``,
      );
    if (!given?.args) {
      const strange = escape(given?.unknownRoom ?? '');
      return reject('invalid', because, `There is no room "${strange}"; \`rooms\` lists them`);
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
      (asOutcome?: Outcome) =>
      async (message: MessageLike, say?: string): Promise<void> => {
        revocable.assertActive();
        outcome = asOutcome ?? outcome;
        if (asOutcome === 'confirm') this.#say = say;
        this.#answer(entry, message);
      };
    const { actor, place, about, tapped, lateMs } = this.#request;
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
      // A command that fails halfway must have done nothing.
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
      visibility: (from === 'core' ? this.#request.refusalsTo : from.command.visibility) ?? 'everyone',
    };
    this.#answers.push(answer);
    this.#input.answer?.(answer);
  }

  async #audit(entry: IndexedCommand, result: Outcome, because: string): Promise<void> {
    const { transaction, now, eventId } = this.#input;
    const { actor, place, text } = this.#request;
    await writeAudit(transaction.query, {
      at: now,
      eventId,
      room: place.address,
      actor,
      skill: entry.skill,
      command: entry.name,
      text: entry.command.secret ? entry.name : text,
      result,
      because,
    });
  }
}

/** The arguments with room names resolved, or the name of a room that does not exist. */
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
