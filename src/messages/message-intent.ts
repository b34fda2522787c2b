/** What a handler wants a room to show, written at the end of its transaction. */
export interface MessageIntent {
  readonly id: string;
  readonly connector: string;
  readonly room: string;
  readonly skill: string;
  readonly key: string | null;
  /** 0 replies and pages, 1 bulk. */
  readonly queue: 0 | 1;
  /** JSON of a `Message`. */
  readonly content: string;
  readonly line: string | null;
  readonly ring: boolean;
  readonly notBefore: Date | null;
  readonly until: Date | null;
  readonly threadKey: string | null;
  readonly replyTo: string | null;
  readonly thread: string | null;
  readonly notify: 'fate' | 'lost' | 'none';
  readonly eventId: number | null;
  /** Only this account may see it. `respond`: the platform's token for a private reply to what the account did. */
  readonly visibleTo?: string;
  readonly respond?: { readonly token: string; readonly until: Date };
  /** Delete the message instead. */
  readonly removed: boolean;
}

export type Identity = Pick<MessageIntent, 'connector' | 'room' | 'skill' | 'key'>;

export const identityOf = ({ connector, room, skill, key }: Identity): string =>
  JSON.stringify([connector, room, skill, key]);

/** A key that one handler posts twice is written once: with the last content, ringing if either rings. */
export function mergeIntents(given: readonly MessageIntent[]): MessageIntent[] {
  const merged = new Map<string, MessageIntent>();
  for (const intent of given) {
    const identity = intent.key === null ? intent.id : identityOf(intent);
    const before = merged.get(identity);
    const ring = intent.ring || before?.ring === true;
    merged.set(identity, { ...intent, ring, queue: before?.queue === 0 ? 0 : intent.queue });
  }
  return [...merged.values()];
}
