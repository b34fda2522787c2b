export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonMap = { [key: string]: Json };

/** An event as the homeserver stores it. */
export interface StoredEvent {
  readonly id: string;
  readonly pos: number;
  readonly room: string;
  readonly type: string;
  readonly sender: string;
  readonly stateKey: string | undefined;
  readonly at: number;
  /** The device that sent it through the API: only this device sees the transaction id. */
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
  /** Creates the room, joins it and has power 100. */
  readonly creator: string;
  readonly members?: readonly string[];
  readonly invite?: readonly string[];
  /** Anyone can join. Default false. */
  readonly public?: boolean;
  readonly encrypted?: boolean;
  /** Extra content of the power levels, for example `{ events_default: 50 }`. */
  readonly power?: JsonMap;
  /** Default 10. From 12 on, the creator is above all levels and listed in none, and the room id has no server name. */
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
  /** Delay before a 429. Synapse: 500. */
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
  /** 429 with Retry-After, without executing the request. */
  | 'limited'
  /** 500 before executing the request, or after: the event is stored and the response lost. */
  | 'error'
  | 'errorAfter'
  /** No answer until the client gives up. */
  | 'hang'
  | 'hangAfter'
  /** 502 with a page of HTML, as of a proxy, without executing the request. */
  | 'html'
  /** The connection is cut without a response. */
  | 'drop'
  | 'dropAfter'
  /** Executed, and the connection is cut in the middle of the response. */
  | 'cutAfter'
  /** An error response that the fault describes, without executing the request. */
  | 'refuse'
  /** /sync returns only the last `keep` events of each room, with `limited`. */
  | 'gap'
  /** /sync responds as if called with the previous token: events are repeated. */
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
  | 'joined_members'
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
  /** For `limited`; default 50. */
  readonly retryAfterMs?: number;
  /** For `refuse`. */
  readonly refusal?: { readonly status: number; readonly errcode: string; readonly error: string };
  /** For `gap`; default 1. */
  readonly keep?: number;
}

/** Random faults, the same for the same seed and order of requests. */
export interface Chance {
  readonly seed: number;
  readonly odds: Partial<Record<FaultKind, number>>;
  readonly on?: readonly Endpoint[];
  readonly user?: string;
  readonly retryAfterMs?: number;
}
