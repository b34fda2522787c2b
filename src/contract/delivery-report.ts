import type { RoomAddress } from '../chat/message.ts';

/** The outcome of a message that was posted with `report`, or sent with `notify`. */
export interface DeliveryReport {
  readonly room: RoomAddress;
  readonly key: string;
  /** `dead`: delivery failed for good. `dropped`: not sent by its `until`. */
  readonly state: 'shown' | 'dead' | 'dropped';
  readonly at: Date;
  readonly reason: string | null;
  /** For `notify(person, …)`: the person's id, and the account that showed it, or was tried last. */
  readonly person?: string;
  readonly account?: string;
  /** When dropped: about how many ms the room's rate limit leaves between messages; null when the bot or the platform was offline instead. */
  readonly everyMs: number | null;
}
