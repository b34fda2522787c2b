import type { z } from 'zod';
import type { Log } from '../log.ts';
import type { Abilities } from './abilities.ts';
import type { Context } from './context.ts';
import type { People } from './people.ts';
import type { Room } from './room.ts';
import type { SecretRef } from './secret.ts';
import type { Json, Sql } from './sql.ts';

/**
 * A loop that runs for as long as the bot does, in one replica at a time: it watches, probes, reconciles. What it finds are
 * events, handled in transactions of their own. It never writes rows itself.
 */
export interface Service<Options = unknown> {
  /** Pure. Default: always. */
  readonly wanted?: (options: Options) => boolean;
  /**
   * Until `signal` aborts: the options changed, the bot stops, or another replica took over. When it returns or throws before
   * that, it is begun again, after a pause that grows to a minute.
   */
  readonly run: (service: ServiceRun<Options>) => Promise<void>;
  /** What it may `emit`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each entry has a payload type of its own
  readonly events: Readonly<Record<string, ServiceEvent<Options, any>>>;
}

export interface ServiceEvent<Options = unknown, Payload = unknown> {
  /** Ignores unknown fields: another release may read it. */
  readonly payload: z.ZodType<Payload>;
  readonly run: (context: Context<Options>, payload: Payload, found: Finding) => void | Promise<void>;
}

export interface Finding {
  /** The database's time before it was looked: rows that were changed after it may know better. */
  readonly readAt: Date;
}

export interface EmitOptions {
  /** Names what was found: emitted again, also by another replica, it is the event that is there. */
  readonly id: string;
  /** From `now()`, asked before the read. */
  readonly readAt: Date;
  /** Events of one lane are handled one after another. Default: one lane for the service. */
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
   * Resolves after the event is stored. @throws when it could not be, because the database is away or another replica holds
   * the service now: let it throw, and look again.
   */
  emit(event: string, payload: Json, options: EmitOptions): Promise<void>;
  /** Waits; ends early when `signal` aborts. */
  pause(ms: number): Promise<void>;
}

/** Declares what a service emits, with the type of its payload. */
export function defineServiceEvent<Options, Payload>(
  event: ServiceEvent<Options, Payload>,
): ServiceEvent<Options, Payload> {
  return event;
}
