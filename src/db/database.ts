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
   * Runs `work` on one connection. `work` begins and ends the transaction itself through `script`, so that it can send
   * those words together with its first and last statement; whatever it leaves open is rolled back. `longestMs`: how long
   * the driver waits for a statement, where that is more than others may take; the server is told by `allow`.
   */
  connection<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T>;
  /** `begin`, `work`, `commit`; READ COMMITTED. `longestMs`: what a statement, or what is done between two, may take. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T>;
  /** False from the first lost connection until a probe has succeeded. */
  readonly available: boolean;
  /** Called with false and true as the database goes and comes back. */
  onAvailability(listener: (available: boolean) => void): void;
  /** A connection of its own, for LISTEN and NOTIFY. The caller ends it. */
  dedicated(): Promise<pg.Client>;
  close(): Promise<void>;
}

/** For what may take its time, and holds up nobody: migrations, backups, restores. A busy disk may take it too. */
export const LONGEST_MS = 3_600_000;

/** To be said in a transaction: how long a statement may take, and how long the transaction may wait for the next one. */
export const allow = (ms: number): string =>
  `set local statement_timeout = ${ms}; set local idle_in_transaction_session_timeout = ${ms}`;

export interface DatabaseOptions {
  readonly url: () => Promise<pg.ClientConfig>;
  readonly poolSize: number;
  /** Sessions that sit in a transaction longer than this are ended by the server: below the lease's time to live. */
  readonly idleInTransactionMs: number;
  readonly statementTimeoutMs: number;
  /** What the driver waits beyond that for a server that has vanished without a word. Default 5000. */
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

/** Errors of the driver after which a connection, or the whole server, is not to be trusted. */
function isConnectionError(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  // 25006: a primary that was demoted to a standby; 25P03: the server ended a session that sat in a transaction.
  if (/^(08...|57P0[1-4]|53300|25P03|25006|WB_DATABASE_AWAY)$/.test(code)) return true;
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH)/.test(code)) return true;
  return (
    code === '' &&
    /connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|client has encountered a connection error|not queryable/i.test(
      messageOf(error),
    )
  );
}

/** An error of the driver: `DatabaseAway` where the connection broke, or there was none in time; others as they are. */
export function awayOr(error: unknown): unknown {
  return isConnectionError(error) ? new DatabaseAway(messageOf(error), { cause: error }) : error;
}

/** A prepared statement that the server does not know (a pooler), or whose result a migration changed. */
function isStalePlan(error: unknown): boolean {
  return /^(0A000|26000|42P05)$/.test(codeOf(error) ?? '');
}

/** The database itself was slow, locked or full: the same work may well succeed later. */
export function isTransientError(error: unknown): boolean {
  return /^(57014|55P03|53...|WB_DATABASE_AWAY|WB_HANDLER_TIMEOUT)$/.test(codeOf(error) ?? '');
}

/** Failures that are nobody's fault and go away when the whole transaction is run again. */
export function isRerunError(error: unknown): boolean {
  return /^(40001|40P01)$/.test(codeOf(error) ?? '') || isStalePlan(error) || isNewKeyTwice(error);
}

/** Two transactions made the first message under one key at the same time: the other one's is there now. */
function isNewKeyTwice(error: unknown): boolean {
  return codeOf(error) === '23505' && (error as { constraint?: string }).constraint === 'messages_key';
}

const MAX_RERUNS = 5;

/** Runs a statement again that lost against another one. */
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
  // Old sessions and an old password may be of no use any more.
  const availability = new Availability({ answers, onLook: () => renew(pool) });
  let pool: pg.Pool | undefined;
  let hasConnected = false;
  const names = new Map<string, string>();

  async function open(): Promise<pg.Pool> {
    if (pool) return pool;
    const config = await options.url();
    // Another call may have been as fast.
    if (pool) return pool;
    pool = new pg.Pool({
      ...config,
      types,
      max: options.poolSize,
      connectionTimeoutMillis: 5000,
      // A server that has vanished without a word is noticed by this, not by the operating system's 15 minutes.
      query_timeout: options.statementTimeoutMs + graceMs,
      keepAlive: true,
      // Left out, the operating system asks after two hours: what may take an hour (`longestMs`) would wait for all of it.
      keepAliveInitialDelayMillis: 30_000,
      // Statements given together go out together: what begins and ends a transaction costs no round trip of its own.
      pipeline: true,
      idleTimeoutMillis: 60_000,
      // Runs before the connection is handed out. SET rather than startup options: poolers refuse those.
      onConnect: async (client: pg.ClientBase) => {
        await client.query(
          `set jit = off; set idle_in_transaction_session_timeout = ${options.idleInTransactionMs};
           set statement_timeout = ${options.statementTimeoutMs}; set lock_timeout = ${options.statementTimeoutMs}; set time zone 'UTC'`,
        );
      },
    } as pg.PoolConfig);
    pool.on('error', () => {}); // an idle connection was cut; the next use finds out
    return pool;
  }

  /** Begins with a new pool, unless that has happened already; what is under way on the old one ends there. */
  function renew(old: pg.Pool | undefined): void {
    if (!old || pool !== old || availability.closed) return;
    pool = undefined;
    void old.end().catch(() => {});
  }

  /** Asked on a connection of its own; a standby answers too, or a server whose disk is full, and can store nothing. */
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
   * Statements with parameters are prepared once a connection: planning the larger ones costs more than running them.
   * What is written by hand is a few hundred texts; beyond that somebody builds them, and those are not kept.
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

  /** Runs one call of the driver; a connection that broke under it is told apart from whatever else may fail. */
  async function driven<T>(call: () => Promise<T>, broke: (error: unknown) => void): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isStalePlan(error)) broke(error);
      if (!isConnectionError(error)) throw error;
      broke(error);
      availability.suspect();
      throw new DatabaseAway(messageOf(error), { cause: error });
    }
  }

  async function connection<T>(work: (transaction: Transaction) => Promise<T>, longestMs?: number): Promise<T> {
    if (!availability.available) throw new DatabaseAway('the database is away; trying again');
    let from: pg.Pool | undefined;
    const client = await driven(
      async () => (from = await open()).connect(),
      () => {},
    ).catch((error: unknown) => {
      // Where it worked before, what refuses the connection now (a new password, a certificate) is mended elsewhere.
      if (!hasConnected || codeOf(error) === 'WB_DATABASE_AWAY') throw error;
      availability.suspect();
      throw new DatabaseAway(messageOf(error), { cause: error });
    });
    hasConnected = true;
    // Without a listener a connection that breaks between two statements would end the process.
    let broken = false;
    const broke = (error: unknown): void => {
      broken = true;
      // A server that vanished without a word: the other connections lead nowhere either, and each would cost as long.
      if (/query read timeout/i.test(messageOf(error))) renew(from);
    };
    client.on('error', broke);
    // A statement that was not awaited may have failed; those behind it only say that the transaction is over.
    let failed: unknown;
    const say = async (call: () => Promise<pg.QueryResult | pg.QueryResult[]>): Promise<never[]> => {
      try {
        return rowsOf(await driven(call, broke));
      } catch (error) {
        // 26000: it was to be prepared, and was not.
        if (failed !== undefined && /^(25P02|26000)$/.test(codeOf(error) ?? '')) throw failed;
        failed ??= error;
        throw error;
      }
    };
    const patient = (config: pg.QueryConfig): pg.QueryConfig =>
      longestMs === undefined ? config : Object.assign(config, { query_timeout: longestMs });
    const query: Query = (text, parameters) => say(() => client.query(patient(prepared(text, parameters))));
    const script: Transaction['script'] = async (text) => {
      const rows = await say(() => client.query(patient({ text })));
      // What failed before the savepoint's end is made good.
      if (/^rollback to /i.test(text)) failed = undefined;
      return rows;
    };
    try {
      return await work({ query, script });
    } catch (error) {
      if (!broken) await client.query('rollback').catch(broke);
      throw error;
    } finally {
      client.off('error', broke);
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
      await driven(
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
