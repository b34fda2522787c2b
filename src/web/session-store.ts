import { randomBytes } from 'node:crypto';
import type { Query } from '../db/database.ts';

/** Sessions shared by all replicas. Every call rejects while the database is unreachable. */
export interface SessionStore {
  /** The signing key; the same for all replicas. */
  key(): Promise<Buffer>;
  addSession(hash: Buffer, expiresAt: Date): Promise<void>;
  hasSession(hash: Buffer, now: Date): Promise<boolean>;
  endSession(hash: Buffer): Promise<void>;
  /** Adds a one-time sign-in. */
  addSignIn(hash: Buffer, expiresAt: Date): Promise<void>;
  /** Uses a sign-in up and adds a session; false: it was used, has expired or never existed. */
  redeem(signIn: Buffer, now: Date, session: Buffer, expiresAt: Date): Promise<boolean>;
}

/** Keeps both tables small: rows are few, and only written at sign-in. */
const DELETE_EXPIRED = `with old_sessions as (delete from web_sessions where expires_at < clock_timestamp()),
  old_sign_ins as (delete from web_sign_ins where expires_at < clock_timestamp())`;

export function createSessionStore(query: Query): SessionStore {
  return {
    async key() {
      const [row] = await query<{ key: Buffer }>('select key from web_keys');
      if (row) return row.key;
      await query('insert into web_keys (key) values ($1) on conflict do nothing', [randomBytes(32)]);
      const [created] = await query<{ key: Buffer }>('select key from web_keys');
      if (!created) throw new Error('the key of the web chat disappeared from the database');
      return created.key;
    },
    async addSession(hash, expiresAt) {
      await query(`${DELETE_EXPIRED} insert into web_sessions (hash, expires_at) values ($1, $2)`, [hash, expiresAt]);
    },
    async hasSession(hash, now) {
      const rows = await query('select from web_sessions where hash = $1 and expires_at > $2', [hash, now]);
      return rows.length > 0;
    },
    async endSession(hash) {
      await query('delete from web_sessions where hash = $1', [hash]);
    },
    async addSignIn(hash, expiresAt) {
      await query(`${DELETE_EXPIRED} insert into web_sign_ins (hash, expires_at) values ($1, $2)`, [hash, expiresAt]);
    },
    async redeem(signIn, now, session, expiresAt) {
      const rows = await query(
        `with used as (delete from web_sign_ins where hash = $1 returning expires_at)
         insert into web_sessions (hash, expires_at) select $3, $4 from used where expires_at > $2 returning hash`,
        [signIn, now, session, expiresAt],
      );
      return rows.length > 0;
    },
  };
}

/** Ends all sessions and invalidates all unused links. Returns the number of ended sessions. */
export async function endAllSessions(query: Query): Promise<number> {
  const ended = await query('with taken_back as (delete from web_sign_ins) delete from web_sessions returning hash');
  return ended.length;
}
