import { createHash } from 'node:crypto';
import type { FileRef, Message } from '../chat/message.ts';
import type {
  Capabilities,
  Connector,
  FileContent,
  Operation,
  Part,
  Receiver,
  RenderOptions,
} from '../connectors/connector.ts';
import { codeOf, messageOf, reasonOf } from '../errors.ts';
import type { AskerOnlyRoute } from './asker-only.ts';
import { withFilesOf } from './files.ts';

/** One remote message that shows a row, in as many parts as the platform needs. */
export interface Copy {
  readonly ring: number;
  readonly parts: readonly { readonly remoteId: string; readonly hash: string }[];
  /** Somebody deleted it on the platform; it is not sent again unless it must ring. */
  readonly gone?: boolean;
}

export type PlannedStep =
  | { readonly type: 'send'; readonly copy: number; readonly ring: number; readonly part: Part; readonly hash: string }
  | {
      readonly type: 'edit';
      readonly copy: number;
      readonly target: string;
      readonly part: Part;
      readonly hash: string;
    }
  | { readonly type: 'delete'; readonly copy: number; readonly target: string }
  | { readonly type: 'upload'; readonly copy: number; readonly file: FileRef };

/**
 * The requests that make a room show what a row says. Decided once and stored before the first is sent: a repeat under the
 * same key must be the same request.
 */
export interface Attempt {
  readonly version: number;
  readonly ring: number;
  readonly steps: readonly PlannedStep[];
  readonly next: number;
  /** The actions offered once this is shown, as JSON. */
  readonly actions: string;
  /** When it was decided; the platform remembers its keys for a while from then. */
  readonly at: string;
  /** What uploads resolved to, by the hash of the file. */
  readonly uploads?: Readonly<Record<string, string>>;
  /** Where a private message goes instead of the room. */
  readonly way?: AskerOnlyRoute;
  /** For a digest: the rows folded into it, with the version of each that it shows. */
  readonly members?: readonly { readonly id: string; readonly version: number; readonly ring: number }[];
}

export interface PlanInput {
  readonly id: string;
  readonly version: number;
  readonly ringVersion: number;
  readonly removed: boolean;
  readonly message: Message;
  readonly copies: readonly Copy[];
  readonly now: Date;
  readonly capabilities: Capabilities;
  readonly render: (message: Message, options: RenderOptions) => Part[];
  readonly members?: Attempt['members'];
  readonly way?: AskerOnlyRoute | undefined;
}

export function hashOf(part: Part): string {
  return createHash('sha256')
    .update(JSON.stringify(part.file ? [part.body, part.file.hash] : part.body))
    .digest('base64url')
    .slice(0, 16);
}

/** Decides the steps; none if the room shows the message already. Pure. */
export function plan(input: PlanInput): Attempt {
  return {
    version: input.version,
    ring: input.ringVersion,
    steps: withUploads(stepsOf(input), input.capabilities),
    next: 0,
    actions: JSON.stringify(input.removed ? [] : (input.message.actions ?? [])),
    at: input.now.toISOString(),
    ...(input.members && { members: input.members }),
    ...(input.way && { way: input.way }),
  };
}

/** `plan` for a connector; or why the message cannot be shown. */
export function planFor(
  connector: Connector,
  input: Omit<PlanInput, 'capabilities' | 'render'>,
): Attempt | { readonly impossible: string } {
  try {
    return plan({
      ...input,
      capabilities: connector.capabilities,
      render: (message, options) => connector.render(message, options),
    });
  } catch (error) {
    return {
      impossible: codeOf(error) === 'WB_REJECTED' ? reasonOf(error) : `it cannot be rendered (${messageOf(error)})`,
    };
  }
}

function stepsOf(input: PlanInput): PlannedStep[] {
  const { copies, capabilities, removed } = input;
  if (removed) return capabilities.delete ? copies.flatMap((copy, index) => deletes(copy, index, 0)) : [];
  const last = copies.at(-1);
  const parts = input
    .render(withFilesOf(capabilities, input.message), {
      ring: input.ringVersion > 0,
      // Only with actions: otherwise the version alone would make each change an edit.
      ...(input.message.actions && { press: { message: input.id, version: input.version } }),
    })
    .map((part) => ({ part, hash: hashOf(part) }));
  if (!last || last.ring < input.ringVersion || (!capabilities.edit && !last.gone)) {
    const sends = parts.map(({ part, hash }): PlannedStep => ({
      type: 'send',
      copy: copies.length,
      ring: input.ringVersion,
      part,
      hash,
    }));
    return last && !last.gone && capabilities.edit ? [...sends, ...pointer(input, last)] : sends;
  }
  if (last.gone) return [];
  const copy = copies.length - 1;
  const changed = parts.flatMap(({ part, hash }, index): PlannedStep[] => {
    const there = last.parts[index];
    if (!there) return [{ type: 'send', copy, ring: last.ring, part, hash }];
    return there.hash === hash ? [] : [{ type: 'edit', copy, target: there.remoteId, part, hash }];
  });
  return [...changed, ...(capabilities.delete ? deletes(last, copy, parts.length) : [])];
}

/** Where a platform takes files by a separate request, that goes before the part that shows the file. */
function withUploads(steps: readonly PlannedStep[], { files }: Capabilities): readonly PlannedStep[] {
  if (files === false || !files.upload) return steps;
  const uploaded = new Set<string>();
  return steps.flatMap((step): PlannedStep[] => {
    const file = 'part' in step ? step.part.file : undefined;
    // A file that several parts show is uploaded once.
    if (!file || uploaded.has(file.hash)) return [step];
    uploaded.add(file.hash);
    return [{ type: 'upload', copy: step.copy, file }, step];
  });
}

/** The copy above a new one only says "continued below", so that an old message never shows an outdated state. */
function pointer(input: PlanInput, last: Copy): PlannedStep[] {
  const first = last.parts[0];
  if (!first) return [];
  const what = input.message.title ?? '';
  const [part] = input.render(
    {
      text: `_continued below_ ⤵`,
      ...(what !== '' && { title: what.replace(/^\p{Extended_Pictographic}️?\s*/u, '') }),
      tone: 'neutral',
      notice: true,
    },
    { ring: false },
  );
  if (!part) return [];
  const copy = input.copies.length - 1;
  return [
    { type: 'edit', copy, target: first.remoteId, part, hash: hashOf(part) },
    ...(input.capabilities.delete ? deletes(last, copy, 1) : []),
  ];
}

/** From the last part backwards, so that a reader never sees a gap. */
function deletes(copy: Copy, index: number, from: number): PlannedStep[] {
  return copy.parts
    .slice(from)
    .map((part): PlannedStep => ({ type: 'delete', copy: index, target: part.remoteId }))
    .reverse();
}

/** What the room shows after a confirmed step. Pure. */
export function applyStep(copies: readonly Copy[], step: PlannedStep, remoteId: string): Copy[] {
  if (step.type === 'upload') return [...copies];
  const next = [...copies];
  const copy = next[step.copy] ?? { ring: step.type === 'send' ? step.ring : 0, parts: [] };
  if (step.type === 'send') next[step.copy] = { ...copy, parts: [...copy.parts, { remoteId, hash: step.hash }] };
  else if (step.type === 'edit')
    next[step.copy] = {
      ...copy,
      parts: copy.parts.map((part) =>
        part.remoteId === step.target ? { remoteId: part.remoteId, hash: step.hash } : part,
      ),
    };
  else next[step.copy] = { ...copy, parts: copy.parts.filter((part) => part.remoteId !== step.target) };
  return next;
}

/** Each ring adds a copy to the row. Only this many are kept; older ones are not deleted with the message. */
const MAX_COPIES = 100;

/** The copies to keep once no attempt is in progress. Pure. */
export function newest(copies: readonly Copy[]): readonly Copy[] {
  return copies.slice(-MAX_COPIES);
}

/** The row that a step belongs to. */
export interface OperationPlace {
  readonly id: string;
  readonly room: string;
  /** Confirmed requests so far. */
  readonly sends: number;
}

/** What a new message replies to, its thread, who alone may see it, and its file. */
export interface Relation {
  readonly replyTo?: string | null;
  readonly thread?: string | undefined;
  readonly to?: Receiver | undefined;
  /** What the upload of its file resolved to. */
  readonly upload?: string | undefined;
  readonly file?: FileContent | undefined;
}

/** The request of a step. Its key is the row's uuid and the count of confirmed requests, so no two requests share one. */
export function operationOf(step: PlannedStep, row: OperationPlace, about: Relation = {}, unknownTries = 0): Operation {
  const base = { key: { uuid: row.id, count: row.sends }, room: row.room, unknownTries };
  if (step.type === 'send')
    return {
      ...{ type: 'send', ...base, part: step.part },
      ...(about.replyTo && { replyTo: about.replyTo }),
      ...(about.thread && { thread: about.thread }),
      ...(about.to && { to: receiver(about.to) }),
      ...filesOf(about),
    };
  if (step.type === 'edit') return { type: 'edit', ...base, part: step.part, target: step.target, ...filesOf(about) };
  if (step.type === 'upload')
    return { type: 'upload', ...base, file: about.file ?? { ...step.file, bytes: new Uint8Array() } };
  return { type: 'delete', ...base, target: step.target };
}

function filesOf({ upload, file }: Relation): { uploads?: readonly string[]; files?: readonly FileContent[] } {
  return { ...(upload !== undefined && { uploads: [upload] }), ...(file && { files: [file] }) };
}

/** Revives the date, which is a string in a stored attempt. */
function receiver({ accountId, respond }: Receiver): Receiver {
  return { accountId, ...(respond && { respond: { token: respond.token, until: new Date(respond.until) } }) };
}
