import { randomBytes } from 'node:crypto';
import type { SessionStore } from './session-store.ts';

/** Sessions in memory, for tests. */
export class MemorySessionStore implements SessionStore {
  /** Called before each operation; throws to simulate a failure. */
  before: () => void = () => {};
  private readonly signing = randomBytes(32);
  private readonly sessions = new Map<string, Date>();
  private readonly signIns = new Map<string, Date>();

  async key() {
    this.before();
    return this.signing;
  }
  async addSession(hash: Buffer, expiresAt: Date) {
    this.before();
    this.sessions.set(hash.toString('hex'), expiresAt);
  }
  async hasSession(hash: Buffer, now: Date) {
    this.before();
    return (this.sessions.get(hash.toString('hex')) ?? now) > now;
  }
  async endSession(hash: Buffer) {
    this.before();
    this.sessions.delete(hash.toString('hex'));
  }
  async addSignIn(hash: Buffer, expiresAt: Date) {
    this.before();
    this.signIns.set(hash.toString('hex'), expiresAt);
  }
  async redeem(signIn: Buffer, now: Date, session: Buffer, expiresAt: Date) {
    this.before();
    const isGood = (this.signIns.get(signIn.toString('hex')) ?? now) > now;
    this.signIns.delete(signIn.toString('hex'));
    if (isGood) await this.addSession(session, expiresAt);
    return isGood;
  }
}
