import type { z } from 'zod';
import type { Query } from '../../db/database.ts';
import type { Capabilities } from './capabilities.ts';
import type { Connector } from './connector.ts';
import type { ConnectorLog } from './host.ts';
import type { JsonValue } from './json.ts';
import type { PlatformSetup } from './setup.ts';

/**
 * One chat platform: a lightweight module, listed in `platforms.ts` or passed in by a test. Heavy imports, above all the SDK, belong
 * in `create`, so that an unused platform costs no memory.
 */
export interface Platform<Options = unknown> {
  /** Its name under `connectors:`. */
  readonly type: string;
  /** Schema of an entry under `connectors:`, without `type` and `opsRoom`, which every entry has. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /** The capabilities with these options. Pure, because it is called without a connection. */
  capabilities(options: Options): Capabilities;
  /** Creates a connector. Must not make requests before `start`. */
  create(options: Options, environment: ConnectorEnvironment): Promise<Connector>;
  /** For `watchbell init`, which does not offer a platform without it. */
  readonly setup?: PlatformSetup;
}

/** What a connector gets from the program. */
export interface ConnectorEnvironment {
  /** The entry's name under `connectors:`. */
  readonly name: string;
  /** The bot's name. */
  readonly botName: string;
  /** Reads the current value of a secret. Call it at each start, because files are rotated. */
  secret(reference: SecretReference): Promise<string>;
  /** Small durable state of this connector, such as a device id. Values are JSON. */
  readonly state: {
    get(key: string): Promise<JsonValue | undefined>;
    set(key: string, value: JsonValue): Promise<void>;
  };
  readonly log: ConnectorLog;
  /** For tests: no request takes longer than this many milliseconds. Default: as long as each may take. */
  readonly longestRequestMs?: number | undefined;
  /** For the web chat, which is stored in the bot's database. */
  readonly pages: {
    readonly query: Query;
    /** Notifies the readers of a room that it has changed. */
    changed(room: string): void;
  };
}

/** A reference to a secret, never its value: `{ file: NAME }` under WATCHBELL_SECRETS, or `{ env: NAME }`. */
export type SecretReference = { readonly file: string } | { readonly env: string };
