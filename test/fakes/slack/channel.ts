import type { JsonMap } from './json.ts';
import type { Message } from './message.ts';

export type ChannelKind = 'channel' | 'group' | 'im' | 'mpim';

/** One conversation: a public or private channel, or a direct message of two or more. */
export class Channel {
  readonly id: string;
  readonly kind: ChannelKind;
  readonly creator: string;
  readonly createdAt: number;
  name: string;
  topic = '';
  isArchived = false;
  readonly members = new Set<string>();
  /** Oldest first, including replies. */
  readonly messages: Message[] = [];
  /** Ephemeral messages: only one user sees each. */
  readonly ephemeral: { readonly user: string; message: Message }[] = [];

  constructor(id: string, kind: ChannelKind, name: string, creator: string, createdAt: number) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.creator = creator;
    this.createdAt = createdAt;
  }

  get isDirect(): boolean {
    return this.kind === 'im' || this.kind === 'mpim';
  }

  find(ts: string): Message | undefined {
    return this.messages.find((message) => message.ts === ts);
  }

  replies(ts: string): Message[] {
    return this.messages.filter((message) => message.threadTs === ts && message.ts !== ts);
  }

  /** What shows in the channel itself. */
  timeline(): Message[] {
    return this.messages.filter(
      ({ ts, threadTs, isBroadcast }) => threadTs === undefined || threadTs === ts || isBroadcast,
    );
  }

  /** As `conversations.info` returns it to `user`. */
  describe(user: string): JsonMap {
    const { id, name, kind, creator, isArchived } = this;
    const created = Math.floor(this.createdAt / 1000);
    if (kind === 'im')
      return {
        id,
        created,
        is_im: true,
        is_org_shared: false,
        is_archived: isArchived,
        user: [...this.members].find((member) => member !== user) ?? user,
        is_user_deleted: false,
        priority: 0,
      };
    return {
      id,
      name,
      name_normalized: name,
      created,
      creator,
      is_channel: kind === 'channel',
      is_group: kind === 'group',
      is_im: false,
      is_mpim: kind === 'mpim',
      is_private: kind !== 'channel',
      is_archived: isArchived,
      is_general: false,
      is_shared: false,
      is_org_shared: false,
      is_ext_shared: false,
      is_member: this.members.has(user),
      topic: { value: this.topic, creator: '', last_set: 0 },
      purpose: { value: '', creator: '', last_set: 0 },
      previous_names: [],
    };
  }
}
