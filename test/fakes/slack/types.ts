import type { Json, JsonMap } from './json.ts';

export interface SlackOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** The app's bot user. Default `bell`. */
  readonly botName?: string;
  /** Default `xoxb-bot`. */
  readonly botToken?: string;
  /** Default `xapp-app`. */
  readonly appToken?: string;
  /** Default `signing-secret`. */
  readonly signingSecret?: string;
  /** Of the bot token. Default: what a bot of this kind needs. */
  readonly scopes?: readonly string[];
  /** Enforces Slack's rate limits: one post per second and channel, and each method's tier. Default false. */
  readonly limits?: boolean;
  /** Pauses before each redelivery of an event. Slack: none, 1 min, 5 min. Default [10, 60_000, 300_000]. */
  readonly retryDelaysMs?: readonly number[];
  /** Default 3000. */
  readonly ackTimeoutMs?: number;
  /** Caps every page of a list, whatever `limit` says. */
  readonly maxPage?: number;
  /** Messages older than this cannot be edited. Default: no limit. */
  readonly editWindowMs?: number;
  /** Between `files.completeUploadExternal` and the message that shows the file. Default 20. */
  readonly shareDelayMs?: number;
  /** Metadata event types that the app's manifest subscribes to: in events, only these have their payload. */
  readonly metadataSubscriptions?: readonly string[];
  /** Which events the app subscribes to. Default: all that are known here. */
  readonly subscriptions?: readonly string[];
  readonly now?: () => number;
}

export type FaultKind =
  /** 429 with Retry-After; nothing is executed. */
  | 'limited'
  /** 500 instead of executing the request, or after it. */
  | 'error'
  | 'errorAfter'
  /** 502 with a page of HTML, instead of executing the request or after it. */
  | 'html'
  | 'htmlAfter'
  /** No response until the client gives up. */
  | 'hang'
  | 'hangAfter'
  /** The connection is cut without a response. */
  | 'drop'
  | 'dropAfter'
  /** Executed, and half of the response is sent before the connection is cut. */
  | 'half'
  /** Executed, and answered after `delayMs`. */
  | 'slow'
  /** `{ ok: false, error }`; nothing is executed. */
  | 'refuse'
  /** `{ ok: false, error: "invalid_auth" }`; nothing is executed. */
  | 'unauthorised';

export interface Fault {
  readonly kind: FaultKind;
  /** Methods, and `upload`, `response_url`, `socket` for other requests. Default: methods that change messages. */
  readonly on?: readonly string[];
  /** Default 1. */
  readonly times?: number;
  /** Only requests that mention this channel. */
  readonly channel?: string;
  /** For `limited`; default 1. */
  readonly retryAfterSeconds?: number;
  /** For `refuse`; default `restricted_action`. */
  readonly error?: string;
  /** For `slow`; default 100. */
  readonly delayMs?: number;
}

/** Faults by chance, the same for the same seed and the same order of requests. */
export interface Chance {
  readonly seed: number;
  readonly odds: Partial<Record<FaultKind, number>>;
  readonly on?: readonly string[];
  readonly retryAfterSeconds?: number;
  readonly delayMs?: number;
}

/** A message as people see it now. */
export interface ShownMessage {
  readonly ts: string;
  readonly user: string;
  readonly botId: string | null;
  /** The text as Slack stores it; shown if there are no blocks. */
  readonly text: string;
  readonly blocks: readonly Json[];
  readonly thread: string | null;
  /** Reply that also shows in the channel. */
  readonly broadcast: boolean;
  readonly reactions: readonly { readonly name: string; readonly users: readonly string[] }[];
  readonly edits: number;
  /** The only user who sees it; null: everybody. */
  readonly onlyFor: string | null;
  readonly files: readonly { readonly id: string; readonly name: string; readonly title: string }[];
  readonly metadata: JsonMap | null;
  readonly at: number;
}

export interface UserOptions {
  readonly displayName?: string;
  readonly realName?: string;
  /** A bot of another app. */
  readonly bot?: boolean;
  /** A multi-channel guest, or a guest of one channel. */
  readonly guest?: 'multi' | 'single';
  readonly deleted?: boolean;
}

export interface ChannelOptions {
  readonly private?: boolean;
  /** Names or ids; the bot is one of them only when it is listed. */
  readonly members?: readonly string[];
  readonly archived?: boolean;
  readonly topic?: string;
}
