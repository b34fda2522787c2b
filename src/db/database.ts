import pg from 'pg';
import { codeOf, messageOf } from '../errors.ts';
import { Availability } from './availability.ts';

/** Thrown by every call while the database is away; callers answer 503 or wait. */
export class DatabaseAway extends Error {
  readonly code = 'WB_DATABASE_AWAY';
}

export type Row = Record<string, unknown>;
export type Query = <R extends object = Row>(text: string, parameters?: readonly unknown[]) => Promise<R[]>;

/** One connection inside a transaction. */
export interface Transaction {
  readonly query: Query;
  /**
   * Several statements without parameters in one round trip; the rows of the last that returns any. Calls that are not
   * awaited before the next one share a round trip too, and run in order.
   */
  readonly script: <R extends object = Row>(text: string) => Promise<R[]>;
}

export interface Database {
  readonly query: Query;
  /**
   * Runs `work` on one connection. `work` begins and ends the transaction itself with `script`, so that it can send
   * those statements together with its first and last one; a transaction left open is rolled back. `longestMs`: how long
   * the driver waits for a statement, if longer than the default; `allow` tells the server.
   */
  connection<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T>;
  /** `begin`, `work`, `commit`; READ COMMITTED. `longestMs`: maximum time of a statement, and between two statements. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T>;
  /** False from the first lost connection until a probe has succeeded. */
  readonly available: boolean;
  /** Called with false when the database becomes unreachable, and with true when it is back. */
  onAvailability(listener: (available: boolean) => void): void;
  /** A separate connection for LISTEN and NOTIFY. The caller closes it. */
  dedicated(): Promise<pg.Client>;
  close(): Promise<void>;
}

/** Limit for long work that blocks nobody: migrations, backups, restores, even on a slow disk. */
export const LONGEST_MS = 3_600_000;

/** SQL that sets, for the current transaction, how long a statement may take and how long it may be idle in between. */
export const allow = (ms: number): string =>
  `set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${ms}`;

export interface DatabaseOptions {
  readonly url: () => Promise<pg.ClientConfig>;
  readonly poolSize: number;
  /** The server ends sessions that are idle in a transaction longer than this: less than the lifetime of a lease. */
  readonly idleInTransactionMs: number;
  readonly statementTimeoutMs: number;
  /** How much longer the driver waits, for a server that vanished silently. Default 5000. */
  readonly graceMs?: number;
}

/** Timestamps are Dates, bigints are numbers (none of ours comes near 2^53). */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

const MAX_PREPARED = 500;

/** Errors of the driver after which the connection, or the whole server, cannot be trusted. */
function isConnectionError(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  // 25006: a primary that was demoted to a standby; 25P03: the server ended a session that was idle in a transaction.
  if (/^(08...|57P0[1-4]|53300|25P03|25006|WB_DATABASE_AWAY)$/.test(code)) return true;
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH)/.test(code)) return true;
  return (
    code === '' &&
    /connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|client has encountered a connection error|not queryable/i.test(
      messageOf(error),
    )
  );
}

/** Turns a driver error into `DatabaseAway` if the connection broke or none was available in time; returns others unchanged. */
export function asDatabaseAway(error: unknown): unknown {
  return isConnectionError(error) ? new DatabaseAway(messageOf(error), { cause: error }) : error;
}

/** A prepared statement that the server does not know (a pooler), or whose result a migration changed. */
function isStalePlan(error: unknown): boolean {
  return /^(0A000|26000|42P05)$/.test(codeOf(error) ?? '');
}

/** The database itself was slow, locked or full: the same work may succeed later. */
export function isTransientError(error: unknown): boolean {
  return /^(57014|55P03|53...|WB_DATABASE_AWAY|WB_HANDLER_TIMEOUT)$/.test(codeOf(error) ?? '');
}

/** Failures that disappear when the whole transaction is run again. */
export function isRerunError(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error) ?? '') || isStalePlan(error) || isKeyConflict(error);
}

/** Two transactions inserted the first message with the same key at once: the other one's exists now. */
function isKeyConflict(error: unknown): boolean {
  return codeOf(error) === '23505' && (error as { constraint?: string }).constraint === 'messages_key';
}

const MAX_RERUNS = 5;

/** Runs a statement again if it failed because of a concurrent one. */
export async function rerun<T>(statement: () => Promise<T>): Promise<T> {
  for (let runs = 0; ; runs++) {
    try {
      return await statement();
    } catch (error) {
      if (!isRerunError(error) || runs >= MAX_RERUNS) throw error;
    }
  }
}

const rowsOf = <R extends object>(result: pg.QueryResult | pg.QueryResult[]): R[] => {
  if (!Array.isArray(result)) return result.rows as R[];
  return (result.findLast((one) => one.fields.length > 0)?.rows ?? []) as R[];
};

/** Opens no connection yet. */
export function createDatabase(options: DatabaseOptions): Database {
  const { graceMs = 5000 } = options;
  // Old sessions and an old password may no longer work.
  const availability = new Availability({ answers, onCheck: () => renew(pool) });
  let pool: pg.Pool | undefined;
  let hasConnected = false;
  const names = new Map<string, string>();

  async function open(): Promise<pg.Pool> {
    if (pool) return pool;
    const config = await options.url();
    // A concurrent call may have been faster.
    if (pool) return pool;
    pool = new pg.Pool({
      ...config,
      types,
      max: options.poolSize,
      connectionTimeoutMillis: 5000,
      // Detects a server that vanished silently long before the operating system's 15 minutes.
      query_timeout: options.statementTimeoutMs + graceMs,
      keepAlive: true,
      // The default is two hours: a statement that may take an hour (`longestMs`) would wait all of it.
      keepAliveInitialDelayMillis: 30_000,
      // Statements issued together are sent together: begin and commit need no round trip of their own.
      pipeline: true,
      idleTimeoutMillis: 60_000,
      // Runs before the connection is used. SET rather than startup options: poolers reject those.
      onConnect: async (client: pg.ClientBase) => {
        await client.query(
          `set jit = off; set idle_in_transaction_session_timeout = ${options.idleInTransactionMs};
           set statement_timeout = ${options.statementTimeoutMs}; set lock_timeout = ${options.statementTimeoutMs}; set time zone 'UTC'`,
        );
      },
    } as pg.PoolConfig);
    pool.on('error', () => {}); // an idle connection was closed; the next use notices
    return pool;
  }

  /** Switches to a new pool, unless that has happened already; running work finishes on the old one. */
  function renew(old: pg.Pool | undefined): void {
    if (!old || pool !== old || availability.closed) return;
    pool = undefined;
    void old.end().catch(() => {});
  }

  /** Uses a separate connection, and checks that it can write: a standby, or a server with a full disk, answers too. */
  async function answers(): Promise<boolean> {
    const client = new pg.Client({ ...(await options.url()), connectionTimeoutMillis: 3000, query_timeout: 3000 });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ writes: boolean }>(
        `select current_setting('transaction_read_only') = 'off' as writes`,
      );
      return rows[0]?.writes === true;
    } finally {
      await client.end().catch(() => {});
    }
  }

  /**
   * Statements with parameters are prepared once per connection: planning the larger ones costs more than running them.
   * There are a few hundred handwritten texts; more than that are generated, and those are not kept.
   */
  function prepared(text: string, parameters: readonly unknown[] | undefined): pg.QueryConfig {
    if (parameters === undefined) return { text };
    const values = [...parameters];
    let name = names.get(text);
    if (name === undefined && names.size < MAX_PREPARED) {
      name = `w${names.size}`;
      names.set(text, name);
    }
    return name === undefined ? { text, values } : { name, text, values };
  }

  /** Runs one call of the driver, and distinguishes a broken connection from other failures. */
  async function callDriver<T>(call: () => Promise<T>, onBroken: (error: unknown) => void): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isStalePlan(error)) onBroken(error);
      if (!isConnectionError(error)) throw error;
      onBroken(error);
      availability.suspect();
      throw new DatabaseAway(messageOf(error), { cause: error });
    }
  }

  async function connection<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T> {
    if (!availability.available) throw new DatabaseAway('the database cannot be reached; trying again');
    let from: pg.Pool | undefined;
    const client = await callDriver(
      async () => (from = await open()).connect(),
      () => {},
    ).catch((error: unknown) => {
      // If it worked before, the reason for the rejection (a new password, a certificate) will be fixed elsewhere.
      if (!hasConnected || codeOf(error) === 'WB_DATABASE_AWAY') throw error;
      availability.suspect();
      throw new DatabaseAway(messageOf(error), { cause: error });
    });
    hasConnected = true;
    // Without a listener a connection that breaks between two statements would end the process.
    let broken = false;
    const onBroken = (error: unknown): void => {
      broken = true;
      // A server that vanished silently: the other connections are dead too, and each would take as long.
      if (/query read timeout/i.test(messageOf(error))) renew(from);
    };
    client.on('error', onBroken);
    // A statement that was not awaited may have failed; later ones only report an aborted transaction.
    let failed: unknown;
    const run = async (call: () => Promise<pg.QueryResult | pg.QueryResult[]>): Promise<never[]> => {
      try {
        return rowsOf(await callDriver(call, onBroken));
      } catch (error) {
        // 26000: it should have been prepared, but was not.
        if (failed !== undefined && /^(25P02|26000)$/.test(codeOf(error) ?? '')) throw failed;
        failed ??= error;
        throw error;
      }
    };
    const withTimeout = (config: pg.QueryConfig): pg.QueryConfig =>
      longestMs === undefined ? config : Object.assign(config, { query_timeout: longestMs });
    const query: Query = (text, parameters) => run(() => client.query(withTimeout(prepared(text, parameters))));
    const script: Transaction['script'] = async (text) => {
      const rows = await run(() => client.query(withTimeout({ text })));
      // An earlier failure is undone.
      if (/^rollback to /i.test(text)) failed = undefined;
      return rows;
    };
    try {
      return await work({ query, script });
    } catch (error) {
      if (!broken) await client.query('rollback').catch(onBroken);
      throw error;
    } finally {
      client.off('error', onBroken);
      client.release(broken);
    }
  }

  const queryOnce: Query = (text, parameters) => connection(({ query }) => query(text, parameters));

  return {
    query: (text, parameters) =>
      queryOnce<never>(text, parameters).catch((error: unknown) => {
        if (isStalePlan(error)) return queryOnce<never>(text, parameters);
        throw error;
      }),
    connection,
    transaction: (work, longestMs) =>
      connection(async (transaction) => {
        await transaction.script(longestMs === undefined ? 'begin' : `begin; ${allow(longestMs)}`);
        const value = await work(transaction);
        await transaction.script('commit');
        return value;
      }, longestMs),
    get available() {
      return availability.available;
    },
    onAvailability: (listener) => availability.onChange(listener),
    async dedicated() {
      const client = new pg.Client({
        ...(await options.url()),
        connectionTimeoutMillis: 5000,
        query_timeout: options.statementTimeoutMs + graceMs,
      });
      client.on('error', () => {});
      await callDriver(
        () => client.connect(),
        () => {},
      );
      return client;
    },
    async close() {
      availability.close();
      await pool?.end();
    },
  };
}
