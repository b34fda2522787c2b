import { randomUUID } from 'node:crypto';
import { fit } from '../../chat/fit.ts';
import type { FileRef, Message } from '../../chat/message.ts';
import {
  Gone,
  keyText,
  type Capabilities,
  type Connector,
  type ConnectorHost,
  type Conversation,
  type FileContent,
  type IncomingEvent,
  type Member,
  type Operation,
  type Receiver,
  type Part,
  type Platform,
  type InteractionTarget,
} from '../connector.ts';
import { memory, MEMORY_CAPABILITIES } from './platform.ts';
import { memoryRoute } from './route.ts';

const RETRY_MS = 20;

/** A message in a room of the memory platform. */
export interface MemoryMessage {
  readonly id: string;
  readonly message: Message;
  readonly replyTo: string | undefined;
  readonly thread: string | undefined;
  /** The file that it shows. */
  readonly file: FileContent | undefined;
  /** The only account that sees it. */
  readonly to: Receiver | undefined;
  readonly edits: number;
  readonly reactions: readonly string[];
  /** What a press on its actions reports. */
  readonly press: InteractionTarget | undefined;
}

/**
 * A chat platform inside this process, for tests. It honours idempotency keys, rejects what a real platform would, and a test can make
 * it fail. Several connectors can share it, as replicas do.
 */
export class MemoryPlatform {
  readonly #rooms = new Map<string, MemoryMessage[]>();
  readonly #keys = new Map<string, string>();
  readonly #stream: IncomingEvent[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #members = new Map<string, readonly Member[]>();
  readonly #conversations = new Map<string, Conversation>();
  readonly #uploads = new Map<string, FileContent>();
  /** Called before members are listed; throw to make that fail. */
  beforeMembers: (room: string) => void = () => {};
  /** Called before a conversation is opened; throw to make that fail. */
  beforeOpen: (conversation: Conversation) => void = () => {};
  /** Called after a conversation is opened; throw to lose the response. */
  afterOpen: (conversation: Conversation) => void = () => {};
  capabilities: Capabilities = MEMORY_CAPABILITIES;
  readonly topics = new Map<string, string>();
  readonly groups = new Map<string, readonly string[]>();
  /** Signs requests to its connectors. */
  readonly secret: string = randomUUID();
  /** Further rate-limit buckets of an operation. */
  buckets: (operation: Operation) => readonly string[] = () => [];
  /** Called before each operation; throw to make it fail. */
  before: (operation: Operation) => void = () => {};
  /** Called after each operation; throw to lose the response. */
  after: (operation: Operation) => void = () => {};

  shown(room: string): readonly MemoryMessage[] {
    return this.#rooms.get(room) ?? [];
  }

  /** All events, in order; a connector's cursor is an index into them. */
  get stream(): readonly IncomingEvent[] {
    return this.#stream;
  }

  happen(event: IncomingEvent): void {
    this.#stream.push(event);
    for (const listener of this.#listeners) listener();
  }

  /** Sets the members of a room, by account id or as complete members. */
  fill(room: string, people: readonly (string | Member)[]): void {
    const members = people.map((one) =>
      typeof one === 'string' ? { accountId: one, name: one.replace(/^@|:.*$/g, ''), bot: false, guest: false } : one,
    );
    this.#members.set(room, members);
  }

  members(room: string): readonly Member[] {
    this.beforeMembers(room);
    return this.#members.get(room) ?? [];
  }

  /** Conversations by room. */
  get conversations(): ReadonlyMap<string, Conversation> {
    return this.#conversations;
  }

  open(conversation: Conversation): string {
    this.beforeOpen(conversation);
    const room = `direct-${conversation.uuid}`;
    this.#conversations.set(room, conversation);
    this.fill(room, conversation.people);
    this.afterOpen(conversation);
    return room;
  }

  /** Simulates a press on an action of a message. */
  press(
    room: string,
    target: string,
    index: number,
    by: Omit<IncomingEvent & { type: 'interaction' }, 'type' | 'press'>,
  ): void {
    const press = this.shown(room).find(({ id }) => id === target)?.press;
    if (!press) throw new Error(`the message "${target}" in the room "${room}" has no actions to press`);
    this.happen({ ...by, type: 'interaction', press: { ...press, index } });
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  perform(operation: Operation): string | Promise<string> {
    this.before(operation);
    const key = keyText(operation.key);
    const known = this.#keys.get(key);
    const id = known ?? this.#do(operation);
    this.#keys.set(key, id);
    this.after(operation);
    for (const listener of this.#listeners) listener();
    return id;
  }

  #fileOf({ files, uploads }: Extract<Operation, { type: 'send' | 'edit' }>): FileContent | undefined {
    return files?.[0] ?? this.#uploads.get(uploads?.[0] ?? '');
  }

  #do(operation: Operation): string {
    if (operation.type === 'upload') {
      const handle = `file-${randomUUID()}`;
      this.#uploads.set(handle, operation.file);
      return handle;
    }
    const room = this.#rooms.get(operation.room) ?? [];
    this.#rooms.set(operation.room, room);
    if (operation.type === 'send') {
      const id = randomUUID();
      room.push({
        id,
        message: messageOf(operation.part),
        replyTo: operation.replyTo,
        thread: operation.thread,
        to: operation.to,
        file: this.#fileOf(operation),
        edits: 0,
        reactions: [],
        press: pressOf(operation.part),
      });
      return id;
    }
    const index = room.findIndex((one) => one.id === operation.target);
    const found = room[index];
    if (!found) throw new Gone();
    if (operation.type === 'delete') room.splice(index, 1);
    else if (operation.type === 'edit')
      room[index] = {
        ...found,
        message: messageOf(operation.part),
        press: pressOf(operation.part),
        file: this.#fileOf(operation),
        edits: found.edits + 1,
      };
    else room[index] = { ...found, reactions: [...new Set([...found.reactions, operation.emoji])] };
    return operation.target;
  }
}

const messageOf = (part: Part): Message => part.body['message'] as unknown as Message;
const pressOf = (part: Part): InteractionTarget | undefined =>
  part.body['press'] as unknown as InteractionTarget | undefined;

/** Creates a connector for a memory platform. */
export function createMemoryConnector(platform: MemoryPlatform): Connector {
  let stopped = false;
  let unlisten = (): void => {};
  let feeding: Promise<void> = Promise.resolve();
  return {
    get capabilities() {
      return platform.capabilities;
    },
    routes: [memoryRoute(platform.secret)],
    async start(host: ConnectorHost) {
      let position = host.cursor === null ? platform.stream.length : Number(host.cursor);
      const feed = async (): Promise<void> => {
        while (!stopped && position < platform.stream.length) {
          const batch = platform.stream.slice(position);
          await host.receive(batch, String(position + batch.length));
          position += batch.length;
        }
      };
      const kick = (): void => {
        // A batch that could not be stored is offered again.
        feeding = feeding.then(feed).catch(() => void setTimeout(kick, RETRY_MS).unref());
      };
      if (host.cursor === null) await host.receive([], String(position));
      unlisten = platform.listen(kick);
      host.state(true);
      kick();
    },
    async stop() {
      stopped = true;
      unlisten();
      await feeding;
    },
    render(message, { press }) {
      // Leaves room for the JSON around the message.
      const { maxBytes } = platform.capabilities;
      const { files = [], ...words } = message;
      const partOf = (shown: Message, file?: FileRef): Part => {
        const body = JSON.stringify({ message: fit(shown, maxBytes - 1024), press });
        return { body: JSON.parse(body) as Part['body'], bytes: Buffer.byteLength(body), ...(file && { file }) };
      };
      return [partOf(words), ...files.map((file) => partOf({ text: file.alt ?? file.name }, file))];
    },
    async perform(operation) {
      return platform.perform(operation);
    },
    buckets: (operation) => platform.buckets(operation),
    async members(room) {
      return platform.members(room);
    },
    async openDirect(account) {
      return platform.open({ uuid: account, people: [account], name: '' });
    },
    async openGroup(conversation) {
      return platform.open(conversation);
    },
    async setTopic(room, text) {
      platform.topics.set(room, text);
    },
    async setGroup(group, accounts) {
      platform.groups.set(group, accounts);
    },
  };
}

/** The platform module `memory` for a test's program, with connectors to this platform. */
export function memoryPlatform(platform: MemoryPlatform): Platform {
  return {
    ...memory,
    capabilities: () => platform.capabilities,
    create: async () => createMemoryConnector(platform),
  };
}
