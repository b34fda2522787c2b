import type { Platform } from '../../src/connectors/connector.ts';

/** What happens to a request. */
export const FAULTS = {
  limited: '429 with Retry-After',
  error: '500',
  html: '502 with a page of HTML',
  hang: 'no response',
  cut: 'a response cut in the middle',
  lost: 'a response lost after it was done',
  rejected: 'a permanent client error',
  gone: 'a target that is gone',
  unauthorised: 'a rejected token',
} as const;

export type Fault = keyof typeof FAULTS;

/**
 * What becomes of what the bot accepted. `shown`: shown once. `dead`: a dead letter, posted in the failover room and reported
 * once to the ops room; of a task, a failure that its skill hears of. `given up`: the rest of what the room showed is as it was, and
 * nothing is reported.
 */
export type Outcome = 'shown' | 'dead' | 'given up';

/** One account of the bot on the fake of a platform, with its controls. */
export interface FaultyPlatform {
  readonly type: string;
  /** Under `connectors:`, and the secrets that it names. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Only of a platform that does not come with the program. */
  readonly platform?: Platform;
  /** The room as it is configured. */
  readonly room: string;
  /** The next requests of this call meet the fault; `times` may be infinite. */
  arm(fault: Fault, call: string, times: number): void;
  disarm(): void;
  /** Faults that no request has met yet. */
  readonly armed: number;
  /** Requests that have met one so far. */
  readonly met: number;
  /** The bot's messages in a room of the platform, oldest first, as people see them: each text, with `file ` before it if it is one, and its reactions behind it. */
  shown(room: string): readonly string[];
  /** Ann, who is alone with the bot in the room, says something. */
  say(text: string): void;
  /** Ann uses a slash command. */
  command?(words: string): void;
  /** Somebody leaves the direct conversation with the bot. */
  leave?(account: string): void;
  /** The response to the next new message is lost. */
  lose?(): void;
  /** The connection over which events come is cut. */
  cut?(): void;
  /** The token of the running connector is rejected once, so that it starts again. */
  restart?(): void;
  /** A new account that the bot can write to. */
  account(name: string): string;
  close(): Promise<void>;
}
