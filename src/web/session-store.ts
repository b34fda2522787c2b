import { randomBytes } from 'node:crypto';
import type { Query } from '../db/database.ts';

/** Who is signed in, as all replicas know it. Every call rejects while the database is away. */
export interface SessionStore {
  /** The key that signs; the same for all replicas. */
  key(): Promise<Buffer>;
  addSession(hash: Buffer, expiresAt: Date): Promise<void>;
  hasSession(hash: Buffer, now: Date): Promise<boolean>;
  endSession(hash: Buffer): Promise<void>;
  /** What may sign somebody in, once. */
  addSignIn(hash: Buffer, expiresAt: Date): Promise<void>;
  /** Uses it up and begins a session; false: it was used, has expired or was never there. */
  redeem(signIn: Buffer, now: Date, session: Buffer, expiresAt: Date): Promise<boolean>;
}

/** So that neither table grows: rows are few, and written when somebody signs in. */
const FORGET_EXPIRED = `with old_sessions as (delete from web_sessions where expires_at < clock_timestamp()),
  old_sign_ins as (delete from web_sign_ins where expires_at < clock_timestamp())`;

export function createSessionStore(query: Query): SessionStore {
  return {
    async key() {
      const [row] = await query<{ key: Buffer }>('select key from web_keys');
      if (row) return row.key;
      await query('insert into web_keys (key) values ($1) on conflict do nothing', [randomBytes(32)]);
      const [made] = await query<{ key: Buffer }>('select key from web_keys');
      if (!made) throw new Error('the key of the web chat vanished from the database');
      return made.key;
    },
    async addSession(hash, expiresAt) {
      await query(`${FORGET_EXPIRED} insert into web_sessions (hash, expires_at) values ($1, $2)`, [hash, expiresAt]);
    },
    async hasSession(hash, now) {
      const rows = await query('select from web_sessions where hash = $1 and expires_at > $2', [hash, now]);
      return rows.length > 0;
    },
    async endSession(hash) {
      await query('delete from web_sessions where hash = $1', [hash]);
    },
    async addSignIn(hash, expiresAt) {
      await query(`${FORGET_EXPIRED} insert into web_sign_ins (hash, expires_at) values ($1, $2)`, [hash, expiresAt]);
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

/** Signs everybody out, and takes back what was printed to sign in with. Returns how many sessions ended. */
export async function endAllSessions(query: Query): Promise<number> {
  const ended = await query('with taken_back as (delete from web_sign_ins) delete from web_sessions returning hash');
  return ended.length;
}
