export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonMap = { [key: string]: Json };

/** One event as the homeserver keeps it. */
export interface StoredEvent {
  readonly id: string;
  readonly pos: number;
  readonly room: string;
  readonly type: string;
  readonly sender: string;
  readonly stateKey: string | undefined;
  readonly at: number;
  /** Who sent it through the API: only this device sees the transaction id. */
  readonly device: string | undefined;
  readonly txnId: string | undefined;
  readonly prevContent: JsonMap | undefined;
  content: JsonMap;
  redactedBecause: StoredEvent | undefined;
}

export interface FakeUser {
  readonly id: string;
  readonly token: string;
  readonly deviceId: string | undefined;
}

export interface RoomOptions {
  /** `ops` becomes `#ops:<server name>`. */
  readonly alias?: string;
  /** Who makes it, joins it and has power 100. */
  readonly creator: string;
  readonly members?: readonly string[];
  readonly invite?: readonly string[];
  /** Anybody may join. Default false. */
  readonly public?: boolean;
  readonly encrypted?: boolean;
  /** Extra content of the power levels, for example `{ events_default: 50 }`. */
  readonly power?: JsonMap;
  /** Default 10. From 12 on who makes it stands above all levels and is named in none, and its id has no server name. */
  readonly version?: string;
  /** Extra content of `m.room.create`: `predecessor`, `additional_creators`. */
  readonly create?: JsonMap;
}

/** A message as people see it now. */
export interface ShownMessage {
  readonly id: string;
  readonly sender: string;
  readonly text: string;
  readonly html: string | null;
  readonly msgtype: string;
  /** People who were notified by the new message (`m.mentions` of its first version). */
  readonly mentions: readonly string[];
  readonly edits: number;
  readonly replyTo: string | null;
  readonly thread: string | null;
  readonly reactions: readonly { readonly id: string; readonly emoji: string; readonly sender: string }[];
  readonly at: number;
}

/** Messages sent per second and account, counted as Synapse does. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
  /** How long a refused request is held before its 429. Synapse: 500. */
  readonly pauseMs?: number;
}

export interface HomeserverOptions {
  /** Default `fake.test`. */
  readonly serverName?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: no limit. Synapse's own default is { perSecond: 0.2, burst: 10 }. */
  readonly rate?: Rate;
  readonly now?: () => number;
}

export type FaultKind =
  /** 429 with Retry-After, before doing. */
  | 'limited'
  /** 500 before doing, or after: the event is stored and the answer lost. */
  | 'error'
  | 'errorAfter'
  /** No answer until the client gives up. */
  | 'hang'
  | 'hangAfter'
  /** The connection is cut without an answer. */
  | 'drop'
  | 'dropAfter'
  /** /sync leaves out all but the last `keep` events of each room and says `limited`. */
  | 'gap'
  /** /sync answers as if asked with the token before: events come again. */
  | 'redeliver'
  /** 401 M_UNKNOWN_TOKEN. */
  | 'unauthorised';

export type Endpoint =
  | 'send'
  | 'edit'
  | 'react'
  | 'redact'
  | 'sync'
  | 'messages'
  | 'join'
  | 'login'
  | 'whoami'
  | 'directory'
  | 'createRoom'
  | 'invite'
  | 'upload'
  | 'other';

export interface Fault {
  readonly kind: FaultKind;
  /** Default: send, edit, react and redact; /sync for `gap` and `redeliver`. */
  readonly on?: readonly Endpoint[];
  /** Default 1. */
  readonly times?: number;
  /** Only requests of this user. */
  readonly user?: string;
  /** Of `limited`; default 50. */
  readonly retryAfterMs?: number;
  /** Of `gap`; default 1. */
  readonly keep?: number;
}

/** Faults by chance, the same for the same seed and the same order of requests. */
export interface Chance {
  readonly seed: number;
  readonly odds: Partial<Record<FaultKind, number>>;
  readonly on?: readonly Endpoint[];
  readonly user?: string;
  readonly retryAfterMs?: number;
}
