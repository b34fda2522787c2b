import type { InteractionTarget } from '../../connectors/connector.ts';
import type { WebExcerpt, WebLine, WebRoom } from '../web-chat.ts';
import { pause, pauseMs, sentenceOf } from './answers.ts';
import {
  addUnsent,
  connection,
  currentRoom,
  forgetLines,
  markRejected,
  oldestSeq,
  rooms,
  showChanges,
  showRoom,
  unsent,
  user,
} from './store.ts';

/** The server sends a heartbeat every 15 s; after sleep, a phone's stream may be dead without an error event. */
const SILENCE_MS = 45_000;

let stream: EventSource | undefined;
let silence: number | undefined;
let retry: number | undefined;
let failures = 0;
const sending = new Set<string>();

/** Reads the session, then follows the room in the URL, or the first one. */
export async function start(): Promise<void> {
  await readSession();
  addEventListener('hashchange', () => enter(roomInAddress()));
  addEventListener('online', () => follow());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && connection.value !== 'live') follow();
  });
  enter(roomInAddress());
  for (const { id, problem } of unsent.value) if (problem === undefined) void deliver(id);
}

export function send(text: string, replyTo?: string): void {
  const room = currentRoom.value;
  if (room === undefined) return;
  const id = randomUuid();
  addUnsent({ id, room, text, ...(replyTo !== undefined && { replyTo }) });
  void deliver(id);
}

/** Resolves to undefined if the press was accepted, else to the problem. */
export async function press(pressed: InteractionTarget, index: number): Promise<string | undefined> {
  const room = currentRoom.value ?? '';
  return repeat(`web/rooms/${encodeURIComponent(room)}/presses`, { id: randomUuid(), ...pressed, index });
}

/** Reads the lines before the oldest one shown; or the problem; or undefined if the room was changed meanwhile. */
export async function readEarlier(): Promise<WebExcerpt | string | undefined> {
  const room = currentRoom.value ?? '';
  const before = oldestSeq.value;
  try {
    const response = await fetch(`web/rooms/${encodeURIComponent(room)}/lines?before=${before}`);
    if (!response.ok) return await sentenceOf(response);
    const excerpt = (await response.json()) as WebExcerpt;
    return room === currentRoom.value && before === oldestSeq.value ? excerpt : undefined;
  } catch {
    return 'the bot cannot be reached';
  }
}

async function deliver(id: string): Promise<void> {
  const line = unsent.value.find((candidate) => candidate.id === id);
  if (!line || sending.has(id)) return;
  sending.add(id);
  const { room, text, replyTo } = line;
  const problem = await repeat(`web/rooms/${encodeURIComponent(room)}/lines`, { id, text, replyTo });
  sending.delete(id);
  if (problem !== undefined) markRejected(id, problem);
}

/** Retries a POST until it is answered; the id in the body makes it idempotent. */
async function repeat(address: string, body: object): Promise<string | undefined> {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (response.ok) return undefined;
      // Signed out elsewhere. Unsent lines are kept, and sent after the next sign-in.
      if (response.status === 401) location.reload();
      else if (response.status < 500 && response.status !== 429) return await sentenceOf(response);
    } catch {
      // No network: retry, as after a 503.
    }
    await pause(tries);
  }
}

async function readSession(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch('web/session');
      if (response.status === 401) location.reload();
      if (response.ok) {
        const session = (await response.json()) as { user: string; rooms: WebRoom[] };
        user.value = session.user;
        rooms.value = session.rooms;
        return;
      }
    } catch {
      connection.value = 'lost';
    }
    await pause(tries);
  }
}

function roomInAddress(): string | undefined {
  const named = decoded(location.hash.slice(1));
  return rooms.value.find(({ id }) => id === named)?.id ?? rooms.value[0]?.id;
}

/** Undefined if the encoding is invalid: people edit URLs, and links get truncated. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function enter(room: string | undefined): void {
  if (room === currentRoom.value) return;
  currentRoom.value = room;
  forgetLines();
  follow();
}

/** Reopens the stream of the current room. */
function follow(): void {
  stream?.close();
  clearTimeout(silence);
  clearTimeout(retry);
  const room = currentRoom.value;
  if (room === undefined) return;
  if (connection.value === 'live') connection.value = 'connecting';
  const source = new EventSource(`web/rooms/${encodeURIComponent(room)}/stream`);
  stream = source;

  const lost = (): void => {
    if (stream !== source) return;
    source.close();
    clearTimeout(silence);
    connection.value = 'lost';
    retry = window.setTimeout(reconnect, pauseMs(failures++));
  };
  const heard = (): void => {
    clearTimeout(silence);
    silence = window.setTimeout(lost, SILENCE_MS);
  };
  source.addEventListener('room', (event) => {
    heard();
    failures = 0;
    connection.value = 'live';
    showRoom(JSON.parse(event.data) as WebExcerpt);
  });
  source.addEventListener('changed', (event) => {
    heard();
    showChanges(JSON.parse(event.data) as WebLine[]);
  });
  source.addEventListener('beat', heard);
  source.addEventListener('error', lost);
  heard();
}

/** Rooms may have changed meanwhile. If the session has ended, the page reloads, which shows the sign-in. */
async function reconnect(): Promise<void> {
  try {
    const response = await fetch('web/session');
    if (response.status === 401) location.reload();
    if (response.ok) rooms.value = ((await response.json()) as { rooms: WebRoom[] }).rooms;
  } catch {
    // Still unreachable; the stream will notice.
  }
  follow();
}

/** `crypto.randomUUID` is not available over plain http. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
