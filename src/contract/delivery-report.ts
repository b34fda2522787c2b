import type { RoomAddress } from '../chat/message.ts';

/** What became of a message posted with `notify`. */
export interface DeliveryReport {
  readonly room: RoomAddress;
  readonly key: string;
  /** `dropped`: it was not sent by its `until`. */
  readonly state: 'shown' | 'dead' | 'dropped';
  readonly at: Date;
  readonly reason: string | null;
  /** Of what was sent with `notify(person, …)`: the person's id, and the account that showed it, or was the last. */
  readonly person?: string;
  readonly account?: string;
  /** Of a dropped one: about how far apart the room takes messages now, in ms; null: it is not slowed down, the bot or the platform was away. */
  readonly everyMs: number | null;
}
