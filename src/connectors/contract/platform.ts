import type { z } from 'zod';
import type { Query } from '../../db/database.ts';
import type { Capabilities } from './capabilities.ts';
import type { Connector } from './connector.ts';
import type { ConnectorLog } from './host.ts';
import type { JsonValue } from './json.ts';

/**
 * One chat platform: a light module, in `platforms.ts` or handed to the program by a test. What is heavy, its SDK above all,
 * is imported in `create`, so that an unused platform costs no memory.
 */
export interface Platform<Options = unknown> {
  /** The word for it under `connectors:`. */
  readonly type: string;
  /** Of one entry under `connectors:`, without `type` and `opsRoom`, which every entry has. */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /** Pure: asked for before, and without, any connection. */
  capabilities(options: Options): Capabilities;
  /** Requests nothing: that is for `start`. */
  create(options: Options, environment: ConnectorEnvironment): Promise<Connector>;
}

/** What a connector may know about the program it runs in. */
export interface ConnectorEnvironment {
  /** The entry's name in `connectors:`. */
  readonly name: string;
  /** A name the bot answers to. */
  readonly botName: string;
  /** Reads the current value of a secret; call it at each start, a rotated file is picked up. */
  secret(reference: SecretReference): Promise<string>;
  /** Small durable state of this connector (a pinned device id). Values are JSON. */
  readonly state: {
    get(key: string): Promise<JsonValue | undefined>;
    set(key: string, value: JsonValue): Promise<void>;
  };
  readonly log: ConnectorLog;
  /** For the one platform that lives in the bot's own database. */
  readonly pages: {
    readonly query: Query;
    /** What a room shows has changed: its readers are told. */
    changed(room: string): void;
  };
}

/** A secret by reference, never its value: `{ file: NAME }` under WATCHBELL_SECRETS, or `{ env: NAME }`. */
export type SecretReference = { readonly file: string } | { readonly env: string };
