import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { markdownToPlain } from '../chat/markdown.ts';
import type { Message, RoomAddress } from '../chat/message.ts';
import type { Actor } from '../contract/actor.ts';
import type { Query, Transaction } from '../db/database.ts';
import type { EventRow, NewEvent } from '../events/event.ts';
import { shortId } from '../handlers/failure.ts';
import type { Outbox } from '../handlers/outbox.ts';
import type { Registry } from '../registry/registry.ts';
import { accountActor } from './chat-event.ts';
import { runCommand, type Outcome } from './run-command.ts';
import type { Place } from './command-request.ts';

/** A command that does not come from a chat: over REST, or from the program's command line. */
export interface RemoteCommand {
  readonly actor: Actor;
  readonly say: string;
  /** Runs as if it was sent in this configured room; undefined: as in a direct message. */
  readonly room: string | undefined;
}

/** The answer, as it is stored with the event and returned as JSON. */
export interface RemoteAnswer {
  readonly outcome: Outcome | 'failed';
  readonly message: RemoteMessage | null;
  /** With `confirm`: the command that confirms. */
  readonly say?: string;
}

/** A message without platform-specific parts. */
export type RemoteMessage = Pick<Message, 'title' | 'tone' | 'fields' | 'links' | 'code'> & {
  /** Without markup. */
  readonly text?: string;
  readonly markdown?: string;
  readonly actions?: readonly { readonly label: string; readonly say: string }[];
};

/** Skill and name of its event: a replica of an earlier release leaves it to one that supports them. */
export const ADDRESSED_TO = { skill: 'core', name: 'say' } as const;

const payloadSchema = z.object({
  actor: z.object({
    kind: z.enum(['account', 'token', 'program']),
    connector: z.string(),
    accountId: z.string(),
    name: z.string(),
  }),
  say: z.string(),
  room: z.string().optional(),
});

/**
 * The event of a command; sending it again with the same `source` and `sourceId` has no effect. Its `key` distinguishes a
 * repeat from another command under the same id.
 */
export function remoteEvent(
  { actor, say, room }: RemoteCommand,
  { source, sourceId, now }: { readonly source: string; readonly sourceId: string; readonly now: Date },
): NewEvent & { readonly key: string } {
  const { kind, connector, accountId, name } = actor;
  return {
    ...{ source, sourceId, kind: 'command', ...ADDRESSED_TO },
    key: hash('sha256', JSON.stringify([say, room ?? null]), 'base64url'),
    payload: JSON.stringify({ actor: { kind, connector, accountId, name }, say, room }),
    happenedAt: now,
  };
}

export interface RemoteInput {
  readonly registry: Registry;
  readonly row: EventRow;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  readonly onCommand: (skill: string, command: string) => void;
}

/** Runs the command for its actor, as currently configured, and stores the answer with the event. */
export async function handleRemote(
  input: RemoteInput,
): Promise<{ readonly result: string; readonly skill?: string; readonly command?: string }> {
  const { registry, row, transaction, outbox, now, onCommand } = input;
  const { actor, say, room } = payloadSchema.parse(JSON.parse(row.payload));
  const place = placeOf(registry, actor, room);
  if (!place) {
    await keepAnswer(transaction.query, row.id, {
      outcome: 'invalid',
      message: { text: noRoom(registry, room ?? '') },
    });
    return { result: 'invalid' };
  }
  const said = await runCommand(
    { registry, transaction, outbox, now, eventId: row.id, onCommand },
    {
      ...{ actor: actorOf(registry, actor), place, text: say },
      ...{ answerUnknown: true, tapped: false, about: undefined, lateMs: 0 },
    },
  );
  const messages = said.answers.map(({ message }) => remoteMessage(message));
  const answer: RemoteAnswer = {
    outcome: said.outcome === 'ignored' ? 'invalid' : said.outcome,
    message: said.outcome === 'ignored' ? { text: 'That is not for this room.' } : joined(messages),
    ...(said.say !== undefined && { say: said.say }),
  };
  await keepAnswer(transaction.query, row.id, answer);
  const { skill, command } = said;
  // Asking for confirmation counts as `ok`.
  const result = answer.outcome === 'confirm' ? 'ok' : answer.outcome;
  return { result, ...(skill !== undefined && { skill }), ...(command !== undefined && { command }) };
}

export function noRoom(registry: Registry, room: string): string {
  const names = registry.rooms.all().map(({ name }) => name);
  return `There is no room "${room}"; rooms: ${names.join(', ') || 'none'}`;
}

/** Without a room, the address is one where nothing can be posted. */
function placeOf(registry: Registry, actor: ActorRow, room: string | undefined): Place | undefined {
  if (room === undefined)
    return { address: { connector: actor.connector, room: actor.accountId }, name: undefined, direct: true };
  const address: RoomAddress | undefined = registry.rooms.byName(room)?.addresses[0];
  return address && { address, name: room, direct: false };
}

type ActorRow = z.output<typeof payloadSchema>['actor'];

function actorOf(registry: Registry, { kind, connector, accountId, name }: ActorRow): Actor {
  if (kind === 'account') return accountActor(registry, connector, { accountId, name, guest: false, bot: false });
  return { kind, connector, accountId, name, groups: [], guest: false, bot: false };
}

function remoteMessage({ title, text, tone, fields, links, code, actions }: Message): RemoteMessage {
  return {
    ...(title !== undefined && { title }),
    ...(text !== undefined && { text: markdownToPlain(text), markdown: text }),
    ...{
      ...(tone && { tone }),
      ...(fields && { fields }),
      ...(links && { links }),
      ...(code !== undefined && { code }),
    },
    ...(actions && { actions: actions.map(({ label, command }) => ({ label, say: command })) }),
  };
}

function joined(messages: readonly RemoteMessage[]): RemoteMessage | null {
  const [first, ...others] = messages;
  if (!first || others.length === 0) return first ?? null;
  const all = (of: 'text' | 'markdown'): string => messages.flatMap((one) => one[of] ?? []).join('\n');
  return { ...first, text: all('text'), markdown: all('markdown') };
}

async function keepAnswer(query: Query, id: number, answer: RemoteAnswer): Promise<void> {
  await query('update events set answer = $2 where id = $1', [id, JSON.stringify(answer)]);
}

/** The state of a command sent under an id. `key` is that of `remoteEvent`. */
export type CommandState = { readonly key: string | null } & (
  { readonly state: 'new' } | { readonly state: 'done'; readonly answer: RemoteAnswer }
);

export async function findCommandState(
  query: Query,
  source: string,
  sourceId: string,
): Promise<CommandState | undefined> {
  const [row] = await query<{ key: string | null; state: string; answer: string | null; error_id: string | null }>(
    'select key, state, answer, error_id from events where source = $1 and source_id = $2',
    [source, sourceId],
  );
  if (!row) return undefined;
  if (row.state === 'new') return { key: row.key, state: 'new' };
  const answer = row.answer === null ? failed(row.error_id) : (JSON.parse(row.answer) as RemoteAnswer);
  return { key: row.key, state: 'done', answer };
}

function failed(errorId: string | null): RemoteAnswer {
  const number = errorId === null ? '' : ` Give an admin this error number: ${shortId(errorId)}`;
  return { outcome: 'failed', message: { text: `Something failed; nothing was changed.${number}` } };
}

/** Most commands take a few milliseconds. Another replica may handle it, so the database is polled. */
const LOOK_AFTER_MS = [4, 4, 8, 8, 16, 32, 64, 125];
const LOOK_EVERY_MS = 250;

/** Resolves when the command is done; undefined: not within this time. */
export async function waitUntilDone(
  query: Query,
  { source, sourceId }: { readonly source: string; readonly sourceId: string },
  withinMs: number,
): Promise<Extract<CommandState, { state: 'done' }> | undefined> {
  const deadline = performance.now() + withinMs;
  for (let look = 0; ; look++) {
    const existing = await findCommandState(query, source, sourceId);
    if (existing?.state === 'done') return existing;
    if (performance.now() >= deadline) return undefined;
    await sleep(LOOK_AFTER_MS[look] ?? LOOK_EVERY_MS);
  }
}
