import type { z } from 'zod';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { Context } from './context.ts';
import type { People } from './people.ts';
import type { Room } from './room.ts';
import type { SecretRef } from './secret.ts';
import type { Json, Sql } from './sql.ts';

/**
 * A loop that runs as long as the bot does, on one replica at a time: it watches, probes or reconciles. It reports findings as
 * events, each handled in its own transaction, and never writes rows itself.
 */
export interface Service<Options = unknown> {
  /** Whether to run it with these options; default always. Pure. */
  readonly enabled?: (options: Options) => boolean;
  /**
   * Runs until `signal` aborts: the options changed, the bot is stopping, or another replica took over. If it returns or throws
   * earlier, it is restarted, after a pause that grows up to a minute.
   */
  readonly run: (service: ServiceRun<Options>) => Promise<void>;
  /** The events that it may `emit`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly events: Readonly<Record<string, ServiceEvent<Options, any>>>;
}

export interface ServiceEvent<Options = unknown, Payload = unknown> {
  /** Must ignore unknown fields: another release may read it. */
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, payload: Payload, found: Finding) => void | Promise<void>;
}

export interface Finding {
  /** The database's time before the read: rows changed since then are more recent than this finding. */
  readonly readAt: Date;
}

export interface EmitOptions {
  /** Identifies the finding: emitting it again, even from another replica, has no effect. */
  readonly id: string;
  /** From `now()`, called before the read. */
  readonly readAt: Date;
  /** Events in one lane are handled one after another. Default: one lane for the whole service. */
  readonly lane?: string;
}

export interface ServiceRun<Options = unknown> extends Abilities {
  readonly options: Options;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly people: People;
  readonly timeZone: string;
  /** Configured rooms by name. */
  readonly room: (name: string) => Room | undefined;
  /** Reads the current value of a secret. */
  secret(reference: SecretRef): Promise<string>;
  /** Reads rows, outside any transaction. Writing fails. */
  readonly read: Sql;
  /** The database's time. */
  now(): Promise<Date>;
  /**
   * Resolves once the event is stored. @throws when it could not be stored, because the database is unreachable or another
   * replica runs the service now: let it propagate; the service is restarted and reads again.
   */
  emit(event: string, payload: Json, options: EmitOptions): Promise<void>;
  /** Waits; resolves early when `signal` aborts. */
  pause(ms: number): Promise<void>;
}

/** Declares an event that a service emits, with the type of its payload. */
export function defineServiceEvent<Options, Payload>(
  event: ServiceEvent<Options, Payload>,
): ServiceEvent<Options, Payload> {
  return event;
}
