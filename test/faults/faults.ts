import type { Platform } from '../../src/connectors/connector.ts';

/** What happens to a request. */
export const FAULTS = {
  limited: '429 with Retry-After',
  error: '500',
  html: '502 with a page of HTML',
  hang: 'no response',
  cut: 'a response cut in the middle',
  lost: 'a response lost after the request was executed',
  rejected: 'a permanent client error',
  gone: 'a target that is gone',
  unauthorised: 'a rejected token',
} as const;

export type Fault = keyof typeof FAULTS;

/**
 * The outcome for what the bot accepted. `shown`: shown once. `dead`: a dead letter, posted in the failover room and reported once
 * to the ops room; for a task, a failure reported to its skill. `given up`: not shown and not reported, and everything else in the
 * room is unchanged.
 */
export type Outcome = 'shown' | 'dead' | 'given up';

/** The bot's account on a fake platform, with the controls of the fake. */
export interface FaultyPlatform {
  readonly type: string;
  /** Under `connectors:`, and the secrets that it names. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Only for a platform that is not built in. */
  readonly platform?: Platform;
  /** The room, as written in the configuration. */
  readonly room: string;
  /** The next requests of this call meet the fault; `times` may be infinite. */
  arm(fault: Fault, call: string, times: number): void;
  disarm(): void;
  /** Faults that no request has met yet. */
  readonly armed: number;
  /** Requests that have met one so far. */
  readonly met: number;
  /**
   * The bot's messages in a room of the platform, oldest first, as people see them: each is its text, with the prefix `file ` if it
   * is a file, followed by its reactions.
   */
  shown(room: string): readonly string[];
  /** Ann, who is alone with the bot in the room, says something. */
  say(text: string): void;
  /** Ann uses a slash command. */
  command?(words: string): void;
  /** The account leaves its direct conversation with the bot. */
  leave?(account: string): void;
  /** The response to the next new message is lost. */
  lose?(): void;
  /** The connection that delivers events is cut. */
  cut?(): void;
  /** The token of the running connector is rejected once, so that it starts again. */
  restart?(): void;
  /** A new account that the bot can write to. */
  account(name: string): string;
  close(): Promise<void>;
}
