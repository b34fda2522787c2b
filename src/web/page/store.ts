import { computed, signal } from '@preact/signals';
import type { WebExcerpt, WebLine, WebRoom } from '../web-chat.ts';

/** A line typed here that the room does not show yet. `problem`: it was rejected and is not retried automatically. */
export interface Unsent {
  readonly id: string;
  readonly room: string;
  readonly text: string;
  readonly replyTo?: string;
  readonly problem?: string;
}

/** Defined before `unsent`, which is read while this module loads. */
const STORAGE_KEY = 'watchbell.unsent';

export type Connection = 'connecting' | 'live' | 'lost';

export const user = signal('');
export const rooms = signal<readonly WebRoom[]>([]);
export const currentRoom = signal<string | undefined>(undefined);
export const connection = signal<Connection>('connecting');
/** The room was received at least once; distinguishes an empty room from one still loading. */
export const isLoaded = signal(false);
export const unsent = signal<readonly Unsent[]>(readUnsent());
/** The room has earlier lines than those shown. */
export const hasEarlier = signal(false);
/** The line that the next one replies to. */
export const replyingTo = signal<WebLine | undefined>(undefined);

/** Position of the oldest line read, including deleted ones. */
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
  dropSent(newest);
}

export function showEarlier({ lines: older, earlier }: WebExcerpt): void {
  byId.value = new Map([...older.map((line) => [line.id, line] as const), ...byId.value]);
  hasEarlier.value = earlier;
  oldestSeq.value = older[0]?.seq ?? oldestSeq.value;
}

/** Changes may arrive twice or late: an older version never replaces a newer one. Lines before the oldest one shown are ignored. */
export function showChanges(changed: readonly WebLine[]): void {
  const next = new Map(byId.value);
  for (const line of changed) {
    const known = next.get(line.id);
    if (known ? known.version <= line.version : line.seq > oldestSeq.value) next.set(line.id, line);
  }
  byId.value = next;
  dropSent(changed);
}

export function addUnsent(line: Unsent): void {
  keepUnsent([...unsent.value, line]);
}

export function markRejected(id: string, problem: string): void {
  keepUnsent(unsent.value.map((line) => (line.id === id ? { ...line, problem } : line)));
}

export function dropUnsent(id: string): void {
  keepUnsent(unsent.value.filter((line) => line.id !== id));
}

function dropSent(shown: readonly WebLine[]): void {
  const ids = new Set(shown.map(({ id }) => id));
  if (unsent.value.some(({ id }) => ids.has(id))) keepUnsent(unsent.value.filter(({ id }) => !ids.has(id)));
}

/** Stored across reloads of the page with the same ids, so that sending them again is idempotent. */
function keepUnsent(next: readonly Unsent[]): void {
  unsent.value = next;
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  } catch {
    // The storage is full or disabled; the lines live as long as the page.
  }
}

/** Lines that were unsent when the page was left. Other programs at the same address share the storage. */
function readUnsent(): readonly Unsent[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '[]');
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
