import { Channel } from './channel.ts';
import type { ChannelKind } from './channel.ts';
import type { JsonMap } from './json.ts';
import { createMessage, visible } from './message.ts';
import type { Message, NewMessage } from './message.ts';
import type { UploadedFile } from './uploads.ts';
import { Refusal } from './refusal.ts';

export interface User {
  readonly id: string;
  readonly name: string;
  displayName: string;
  realName: string;
  readonly botId: string | undefined;
  readonly appId: string | undefined;
  readonly guest: 'multi' | 'single' | undefined;
  isDeleted: boolean;
}

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  users: string[];
  isDisabled: boolean;
}

/** The app whose bot is under test. */
export interface App {
  readonly appId: string;
  readonly botId: string;
  readonly userId: string;
}

/** Everything in a workspace. What happens in it is passed to `onEvent`. */
export class Workspace {
  readonly teamId = 'T0FAKE0001';
  readonly domain = 'fake';
  readonly users = new Map<string, User>();
  readonly channels = new Map<string, Channel>();
  readonly groups = new Map<string, UserGroup>();
  readonly files = new Map<string, UploadedFile>();
  readonly app: App;
  /** An event, and the channel it happened in: only its members get it. Undefined: every app gets it. */
  onEvent: (event: JsonMap, channel: Channel | undefined) => void = () => {};
  readonly now: () => number;
  private readonly subscribedMetadata: ReadonlySet<string>;
  private lastMicros = 0;
  private lastId = 0;

  constructor(botName: string, subscribedMetadata: readonly string[], now: () => number) {
    this.now = now;
    this.subscribedMetadata = new Set(subscribedMetadata);
    const bot = this.addUser(botName, { botId: this.newId('B'), appId: this.newId('A') });
    this.app = { appId: bot.appId ?? '', botId: bot.botId ?? '', userId: bot.id };
  }

  newId(letter: string): string {
    this.lastId += 1;
    return `${letter}0${this.lastId.toString(36).toUpperCase().padStart(9, '0')}`;
  }

  /** Unique in the workspace, and increasing. */
  newTs(): string {
    this.lastMicros = Math.max(this.now() * 1000, this.lastMicros + 1);
    return `${Math.floor(this.lastMicros / 1_000_000)}.${String(this.lastMicros % 1_000_000).padStart(6, '0')}`;
  }

  addUser(name: string, given: Partial<User> = {}): User {
    const user: User = {
      id: given.id ?? this.newId('U'),
      name,
      displayName: given.displayName ?? '',
      realName: given.realName ?? given.displayName ?? name,
      botId: given.botId,
      appId: given.appId,
      guest: given.guest,
      isDeleted: given.isDeleted ?? false,
    };
    this.users.set(user.id, user);
    return user;
  }

  addChannel(kind: ChannelKind, name: string, creator: string, members: readonly string[]): Channel {
    const letter = kind === 'im' ? 'D' : 'C';
    const channel = new Channel(this.newId(letter), kind, name, creator, this.now());
    for (const member of members) channel.members.add(member);
    this.channels.set(channel.id, channel);
    return channel;
  }

  /** By id or name. @throws if there is none. */
  user(idOrName: string): User {
    const name = idOrName.replace(/^@/, '');
    const found = this.users.get(idOrName) ?? [...this.users.values()].find((user) => user.name === name);
    if (!found) throw new Error(`no user ${idOrName}`);
    return found;
  }

  /** By id or name. @throws {Refusal} if there is none. */
  channel(idOrName: string): Channel {
    const found = this.channels.get(idOrName) ?? this.channelNamed(idOrName);
    if (!found) throw new Refusal('channel_not_found');
    return found;
  }

  channelNamed(name: string): Channel | undefined {
    const bare = name.replace(/^#/, '');
    return [...this.channels.values()].find((channel) => !channel.isDirect && channel.name === bare);
  }

  /** The direct conversation of these people, created if there is none. */
  direct(people: readonly string[]): { readonly channel: Channel; readonly isNew: boolean } {
    const wanted = [...new Set(people)].sort();
    const kind = wanted.length > 2 ? 'mpim' : 'im';
    const isSame = (channel: Channel): boolean =>
      channel.kind === kind && [...channel.members].sort().join() === wanted.join();
    const known = [...this.channels.values()].find(isSame);
    if (known) return { channel: known, isNew: false };
    const name = kind === 'im' ? '' : `mpdm-${wanted.map((id) => this.user(id).name).join('--')}-1`;
    return { channel: this.addChannel(kind, name, wanted[0] ?? '', wanted), isNew: true };
  }

  /** Adds a message and emits its event. */
  post(channel: Channel, given: NewMessage): Message {
    const ts = this.newTs();
    const message = createMessage(ts, this.now(), given);
    if (message.isBroadcast) message.subtype ??= 'thread_broadcast';
    channel.messages.push(message);
    if (message.threadTs !== undefined && message.threadTs !== ts) {
      const parent = channel.find(message.threadTs);
      if (parent) parent.threadTs = parent.ts;
    }
    this.onEvent({ ...this.inEvent(channel, message), event_ts: ts }, channel);
    this.emitMention(channel, message);
    return message;
  }

  /** Changes a message and emits its event. */
  change(channel: Channel, message: Message, change: () => void): void {
    const previous = this.inEvent(channel, message);
    change();
    const ts = this.newTs();
    const { channel: _channel, channel_type: _type, ...current } = this.inEvent(channel, message);
    const { channel: _before, channel_type: _typeBefore, ...before } = previous;
    this.onEvent(
      {
        type: 'message',
        subtype: 'message_changed',
        hidden: true,
        channel: channel.id,
        channel_type: channel.kind,
        ts,
        event_ts: ts,
        message: current,
        previous_message: before,
      },
      channel,
    );
  }

  /** Deletes a message; a parent that has replies is replaced by "This message was deleted." */
  remove(channel: Channel, message: Message): void {
    if (channel.replies(message.ts).length > 0)
      return this.change(channel, message, () => {
        Object.assign(message, {
          subtype: 'tombstone',
          text: 'This message was deleted.',
          user: 'USLACKBOT',
          botId: undefined,
          blocks: undefined,
          attachments: undefined,
          metadata: undefined,
          edited: undefined,
          files: [],
        } satisfies Partial<Message>);
        message.reactions.clear();
      });
    channel.messages.splice(channel.messages.indexOf(message), 1);
    const { channel: _channel, channel_type: _type, ...before } = this.inEvent(channel, message);
    const ts = this.newTs();
    this.onEvent(
      {
        type: 'message',
        subtype: 'message_deleted',
        hidden: true,
        channel: channel.id,
        channel_type: channel.kind,
        ts,
        event_ts: ts,
        deleted_ts: message.ts,
        previous_message: before,
      },
      channel,
    );
  }

  /** A message as the API shows it. */
  inApi(channel: Channel, message: Message, isPayloadShown: boolean): JsonMap {
    const replies = message.threadTs === message.ts ? channel.replies(message.ts) : [];
    return this.show(channel, message, () => isPayloadShown, replies);
  }

  /** A message as events show it: metadata includes its payload only if the app's manifest subscribes to its type. */
  inEvent(channel: Channel, message: Message): JsonMap {
    const seen = this.show(channel, message, (name) => this.subscribedMetadata.has(name), []);
    return { ...seen, channel: channel.id, channel_type: channel.kind };
  }

  private show(
    channel: Channel,
    message: Message,
    isPayloadShown: (name: string) => boolean,
    replies: readonly Message[],
  ): JsonMap {
    const { ts, threadTs } = message;
    const parentUser = threadTs === undefined || threadTs === ts ? undefined : channel.find(threadTs)?.user;
    const botName =
      [...this.users.values()].find(({ botId }) => botId !== undefined && botId === message.botId)?.name ?? '';
    return structuredClone(visible(message, { team: this.teamId, botName, isPayloadShown, replies, parentUser }));
  }

  /** Sent in addition to `message`. */
  emitMention(channel: Channel, message: Message): void {
    if (!message.text.includes(`<@${this.app.userId}>`) || message.user === this.app.userId || channel.isDirect) return;
    if (message.subtype !== undefined && message.subtype !== 'file_share') return;
    const { channel_type: _type, ...event } = this.inEvent(channel, message);
    this.onEvent({ ...event, type: 'app_mention', event_ts: message.ts }, channel);
  }
}
