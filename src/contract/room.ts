import type { RoomAddress } from '../chat/message.ts';

/** A configured room, with its addresses on each platform. */
export interface Room {
  readonly name: string;
  readonly addresses: readonly RoomAddress[];
  readonly failover?: string;
}
