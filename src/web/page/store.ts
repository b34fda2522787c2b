import { computed, signal } from '@preact/signals';
import type { WebExcerpt, WebLine, WebRoom } from '../web-chat.ts';

/** A line typed here that the room does not show yet. `problem`: it was refused and is not tried again by itself. */
export interface Unsent {
  readonly id: string;
  readonly room: string;
  readonly text: string;
  readonly replyTo?: string;
  readonly problem?: string;
}

/** Before all that reads it while this module begins. */
const STORED_AS = 'watchbell.unsent';

export type Connection = 'connecting' | 'live' | 'lost';

export const user = signal('');
export const rooms = signal<readonly WebRoom[]>([]);
export const currentRoom = signal<string | undefined>(undefined);
export const connection = signal<Connection>('connecting');
/** The room was received at least once, so that an empty one can be told from one still to come. */
export const isLoaded = signal(false);
export const unsent = signal<readonly Unsent[]>(readUnsent());
/** The room has lines before those shown here. */
export const hasEarlier = signal(false);
/** The line that the next one answers. */
export const answering = signal<WebLine | undefined>(undefined);

/** Place of the oldest line that was read, deleted ones too. */
export const oldestSeq = signal(0);
const byId = signal<ReadonlyMap<string, WebLine>>(new Map());

export const lines = computed(() =>
  [...byId.value.values()].filter((line) => !line.deleted).sort((a, b) => a.seq - b.seq),
);
export const unsentHere = computed(() => unsent.value.filter(({ room }) => room === currentRoom.value));

export function lineById(id: string): WebLine | undefined {
  return byId.value.get(id);
}

export function forgetLines(): void {
  byId.value = new Map();
  isLoaded.value = false;
  hasEarlier.value = false;
}

/** The newest lines of the room, as sent after each connect. */
export function showRoom({ lines: newest, earlier }: WebExcerpt): void {
  byId.value = new Map(newest.map((line) => [line.id, line]));
  isLoaded.value = true;
  hasEarlier.value = earlier;
  oldestSeq.value = newest[0]?.seq ?? 0;
  settle(newest);
}

export function showEarlier({ lines: older, earlier }: WebExcerpt): void {
  byId.value = new Map([...older.map((line) => [line.id, line] as const), ...byId.value]);
  hasEarlier.value = earlier;
  oldestSeq.value = older[0]?.seq ?? oldestSeq.value;
}

/** Changes may come twice and late: an older version never replaces a newer one. What stands before all that is shown is not shown either. */
export function showChanges(changed: readonly WebLine[]): void {
  const next = new Map(byId.value);
  for (const line of changed) {
    const known = next.get(line.id);
    if (known ? known.version <= line.version : line.seq > oldestSeq.value) next.set(line.id, line);
  }
  byId.value = next;
  settle(changed);
}

export function addUnsent(line: Unsent): void {
  keepUnsent([...unsent.value, line]);
}

export function markRefused(id: string, problem: string): void {
  keepUnsent(unsent.value.map((line) => (line.id === id ? { ...line, problem } : line)));
}

export function dropUnsent(id: string): void {
  keepUnsent(unsent.value.filter((line) => line.id !== id));
}

function settle(shown: readonly WebLine[]): void {
  const ids = new Set(shown.map(({ id }) => id));
  if (unsent.value.some(({ id }) => ids.has(id))) keepUnsent(unsent.value.filter(({ id }) => !ids.has(id)));
}

/** Kept over a reload of the page, under the same ids: sending them again doubles nothing. */
function keepUnsent(next: readonly Unsent[]): void {
  unsent.value = next;
  try {
    sessionStorage.setItem(STORED_AS, JSON.stringify(next));
  } catch {
    // Storage is full or forbidden; the lines live as long as the page.
  }
}

/** What was not sent when the page was left. The storage belongs to the address: another program may have written there. */
function readUnsent(): readonly Unsent[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORED_AS) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isUnsent) : [];
  } catch {
    return [];
  }
}

function isUnsent(value: unknown): value is Unsent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, room, text, replyTo, problem } = value as Record<string, unknown>;
  const isTextOrAbsent = (one: unknown): boolean => one === undefined || typeof one === 'string';
  return [id, room, text].every((one) => typeof one === 'string') && isTextOrAbsent(replyTo) && isTextOrAbsent(problem);
}
