import type { RemoteHomeserver } from '../../test/fakes/matrix/remote.ts';

/** A message or edit that the homeserver accepted; `atMs` is `monotonicMs`. */
export interface Taken {
  readonly id: string;
  readonly atMs: number;
  readonly sender: string;
  readonly body: string;
}

/** All messages in a room, in order, with the time at which the homeserver accepted them. */
export async function takenIn(homeserver: RemoteHomeserver, room: string, offsetMs: number): Promise<Taken[]> {
  const timeline = (await homeserver.timeline(room)) as unknown as {
    event_id: string;
    type: string;
    sender: string;
    origin_server_ts: number;
    content: { body?: string };
  }[];
  return timeline
    .filter((event) => event.type === 'm.room.message')
    .map((event) => ({
      id: event.event_id,
      atMs: event.origin_server_ts - offsetMs,
      sender: event.sender,
      body: event.content.body ?? '',
    }));
}

/** When each alert `<prefix><n>` was first named in a room, by n. */
export function firstNamed(taken: readonly Taken[], prefix: string): Map<number, number> {
  const found = new Map<number, number>();
  const pattern = new RegExp(`\\b${prefix}(\\d+)\\b`, 'g');
  for (const { body, atMs } of taken) {
    for (const [, digits] of body.matchAll(pattern)) if (!found.has(Number(digits))) found.set(Number(digits), atMs);
  }
  return found;
}
