import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { ConnectorEnvironment, ConnectorHost, JsonObject } from '../connector.ts';
import type { Batch } from './batch.ts';
import { isObject } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import { roomProblem } from './rooms.ts';
import type { Place, Rooms } from './rooms.ts';

/** How often to retry rooms that could not be found or joined. */
const MAINTAIN_EVERY_MS = 30_000;
/** How often to look up an address without any sign that it has moved. */
const LOOK_UP_EVERY_MS = 10 * 60_000;
/** After an upgrade the invitation to the new room usually arrives within seconds; messages wait this long for it. */
const AWAIT_INVITATION_MS = 60_000;
const UPGRADES_KEY = 'upgrades';
const MAX_UPGRADES_KEPT = 500;

export interface MembershipsOptions {
  readonly rooms: Rooms;
  readonly host: ConnectorHost;
  readonly state: ConnectorEnvironment['state'];
  readonly userId: string;
  readonly signal: AbortSignal;
  /** Registers background work, so that a stop waits for it. */
  readonly inBackground: (work: Promise<void>) => void;
  readonly monotonic: () => number;
}

/**
 * Keeps the bot a member of the configured rooms. An address is looked up again on every sign that it may have moved (a tombstone, a
 * change of addresses, a rejection, an invitation, an end of membership), and periodically.
 */
export class Memberships {
  readonly #options: MembershipsOptions;
  /** Rooms that the bot was removed from: it does not rejoin without an invitation. */
  readonly #left = new Set<string>();
  /** Rooms whose problem was reported to the core. */
  readonly #reported = new Set<string>();
  readonly #moving = new Map<string, Promise<void>>();
  readonly #settledAt = new Map<string, number>();
  readonly #lookedUpAt = new Map<string, number>();

  constructor(options: MembershipsOptions) {
    this.#options = options;
  }

  /** Restores upgrades from earlier runs: once the bot has left an old room, it can no longer ask for its successor. */
  static async restore({ rooms, state }: Pick<MembershipsOptions, 'rooms' | 'state'>): Promise<void> {
    const kept = await state.get(UPGRADES_KEY);
    for (const [room, next] of Object.entries(isObject(kept) ? kept : {}))
      rooms.recordTombstone(room, { content: { replacement_room: next } });
  }

  /**
   * Finds the room of each configured id and address, after the first /sync has reported upgrades. Resolves to the problems of those that
   * were not found. @throws on other failures.
   */
  async find(): Promise<Map<string, string>> {
    const { rooms, host, userId, signal } = this.#options;
    const missing = new Map<string, string>();
    for (const configured of host.rooms()) {
      try {
        await this.#settle(configured, await this.#lookUp(configured, 'directory'));
      } catch (error) {
        signal.throwIfAborted();
        const problem =
          roomProblem(error, configured, userId, rooms.known(configured)?.upgraded) ??
          (isMatrixFailure(error) && error.status === 400 ? error.detail : undefined);
        if (problem === undefined) throw error;
        missing.set(configured, problem);
      }
    }
    return missing;
  }

  /** Joins the configured rooms where possible, now and whenever that changes, and reports each one where it is not, once. */
  async maintain(missing: ReadonlyMap<string, string>): Promise<void> {
    const { host, signal } = this.#options;
    try {
      for (const [configured, problem] of missing) {
        this.#reported.add(configured);
        await host.membership(configured, 'left', problem);
      }
      for (;;) {
        for (const configured of host.rooms()) {
          if (this.#isDue(configured)) await this.#ask(configured, 'directory');
          await this.#enter(configured);
        }
        await sleep(MAINTAIN_EVERY_MS, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) host.log.error({ reason: messageOf(error) }, 'configured rooms are no longer checked');
    }
  }

  /** Whether the room is being replaced, so that nothing may be sent there now. */
  isMoving(configured: string): boolean {
    return this.#moving.has(configured);
  }

  /** Whether the room was upgraded less than a minute ago, so that an invitation to the new one may still arrive. */
  isAwaitingInvitation(configured: string): boolean {
    const at = this.#settledAt.get(configured);
    return at !== undefined && this.#options.monotonic() - at < AWAIT_INVITATION_MS;
  }

  /** Switches to another room in the background. */
  switchTo(configured: string, place: Place): void {
    const { host, signal, inBackground } = this.#options;
    inBackground(
      this.#switchTo(configured, place).catch((error: unknown) => {
        if (!signal.aborted)
          host.log.warn({ room: configured, reason: messageOf(error) }, 'could not switch to the new room; retrying');
      }),
    );
  }

  /** Looks up all configured ids and addresses of a room that may have moved. */
  recheck(room: string): void {
    const { rooms, host, inBackground } = this.#options;
    for (const configured of rooms.namesOf(room, host.rooms())) inBackground(this.#ask(configured, 'all'));
  }

  removed(room: string): void {
    this.#left.add(room);
    this.recheck(room);
  }

  invited(invite: Batch['invites'][number]): void {
    const { host, signal, inBackground } = this.#options;
    // In the background, so that receiving does not wait. If it fails, `maintain` retries.
    inBackground(
      this.#accept(invite).catch((error: unknown) => {
        if (!signal.aborted)
          host.log.warn({ room: invite.room, reason: messageOf(error) }, 'invitation could not be accepted; retrying');
      }),
    );
  }

  async #accept({ room, aliases, predecessor }: Batch['invites'][number]): Promise<void> {
    const { rooms, host, signal } = this.#options;
    // An invitation may claim anything: only the directory and the upgraded room are trusted.
    const claimed = host
      .rooms()
      .filter(
        (configured) =>
          aliases.includes(configured) || this.#leadsTo(configured, predecessor) || this.#leadsTo(configured, room),
      );
    let isConfigured = host.isConfigured(room);
    for (const configured of claimed) {
      const place = await this.#lookUp(configured, 'all');
      if (place.room !== room) continue;
      isConfigured = true;
      this.#left.delete(room);
      await this.#switchTo(configured, place);
    }
    if (!isConfigured)
      return host.log.info({ room, aliases }, 'ignored an invitation to a room that is not configured');
    this.#left.delete(room);
    if (!rooms.isJoined(room)) await rooms.join(room, signal);
  }

  #leadsTo(configured: string, room: string | undefined): boolean {
    return room !== undefined && this.#options.rooms.known(configured)?.room === room;
  }

  /** Looks up a room again; if it cannot be found, nothing changes. */
  async #ask(configured: string, ask: 'all' | 'directory'): Promise<void> {
    const { host, signal } = this.#options;
    try {
      await this.#switchTo(configured, await this.#lookUp(configured, ask));
    } catch (error) {
      if (!signal.aborted)
        host.log.debug({ room: configured, reason: messageOf(error) }, 'room could not be looked up again');
    }
  }

  #lookUp(configured: string, ask: 'all' | 'directory'): Promise<Place> {
    const { rooms, signal, monotonic } = this.#options;
    this.#lookedUpAt.set(configured, monotonic());
    return rooms.lookUp(configured, signal, ask);
  }

  #isDue(configured: string): boolean {
    const at = this.#lookedUpAt.get(configured);
    return at === undefined || this.#options.monotonic() - at >= LOOK_UP_EVERY_MS;
  }

  async #switchTo(configured: string, place: Place): Promise<void> {
    for (let other = this.#moving.get(configured); other; other = this.#moving.get(configured))
      await other.catch(() => {});
    const before = this.#options.rooms.known(configured)?.room;
    if (before === place.room) return;
    const moving = this.#move(configured, before, place).finally(() => this.#moving.delete(configured));
    this.#moving.set(configured, moving);
    await moving;
  }

  async #move(configured: string, before: string | undefined, place: Place): Promise<void> {
    const { rooms, host, monotonic } = this.#options;
    await this.#settle(configured, place);
    this.#reported.delete(configured);
    if (before !== undefined) this.#settledAt.set(configured, monotonic());
    await this.#enter(configured);
    if (before === undefined || !rooms.isJoined(place.room)) return;
    const id = configured.startsWith('!') ? '; put the new id into the configuration' : '';
    const how = place.upgraded ? `the room was upgraded to ${place.room}` : `its address now leads to ${place.room}`;
    await host.membership(place.room, 'moved', how + id);
  }

  async #settle(configured: string, place: Place): Promise<void> {
    const { rooms, host, state } = this.#options;
    if (place.upgraded) {
      const kept = [...rooms.upgrades].slice(-MAX_UPGRADES_KEPT).map(([room, next]) => [room, next.room] as const);
      await state.set(UPGRADES_KEY, Object.fromEntries(kept) satisfies JsonObject);
    }
    await host.resolved(configured, place.room);
    rooms.settle(configured, place);
  }

  async #enter(configured: string): Promise<void> {
    const { rooms, host, signal, userId } = this.#options;
    const place = rooms.known(configured);
    try {
      if (!place || rooms.isJoined(place.room) || this.#left.has(place.room)) return;
      await rooms.join(configured, signal);
      this.#reported.delete(configured);
    } catch (error) {
      if (signal.aborted) throw error;
      const problem = roomProblem(error, configured, userId, place?.upgraded);
      if (problem === undefined)
        return host.log.warn({ room: configured, reason: messageOf(error) }, 'room could not be joined; retrying');
      if (this.#reported.has(configured)) return;
      await host.membership(place?.room ?? configured, 'left', problem).then(
        () => this.#reported.add(configured),
        (failure: unknown) =>
          host.log.warn({ room: configured, reason: messageOf(failure) }, 'problem with a room could not be reported'),
      );
    }
  }
}
