import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { ConnectorEnvironment, ConnectorHost, JsonObject } from '../connector.ts';
import type { Batch } from './batch.ts';
import { isObject } from './json.ts';
import { isMatrixFailure } from './requests.ts';
import { roomTrouble } from './rooms.ts';
import type { Place, Rooms } from './rooms.ts';

/** How often rooms that could not be found or joined are looked at again. */
const TEND_EVERY_MS = 30_000;
/** How often the directory is asked again where nothing says that an address has moved. */
const ASK_EVERY_MS = 10 * 60_000;
/** After an upgrade the invitation to the new room comes within seconds; until then messages wait for it. */
const AWAIT_MS = 60_000;
const UPGRADES_KEY = 'upgrades';
const UPGRADES_KEPT = 500;

export interface MembershipsOptions {
  readonly rooms: Rooms;
  readonly host: ConnectorHost;
  readonly state: ConnectorEnvironment['state'];
  readonly userId: string;
  readonly signal: AbortSignal;
  /** Keeps what runs beside the loop, so that a stop waits for it. */
  readonly beside: (work: Promise<void>) => void;
  readonly monotonic: () => number;
}

/**
 * Sees to it that the bot is in the rooms that the configuration means. An address is asked for again whenever something
 * says that it may have moved: a tombstone, a change of addresses, a refusal, an invitation, an end of membership, and now
 * and then without any.
 */
export class Memberships {
  readonly #options: MembershipsOptions;
  /** Rooms we were put out of: not entered again without an invitation. */
  readonly #left = new Set<string>();
  /** Of whose trouble the core was told. */
  readonly #told = new Set<string>();
  readonly #moving = new Map<string, Promise<void>>();
  readonly #settledAt = new Map<string, number>();
  readonly #askedAt = new Map<string, number>();

  constructor(options: MembershipsOptions) {
    this.#options = options;
  }

  /** Upgrades seen in former lives: who has left an old room cannot ask it any more. */
  static async recall({ rooms, state }: Pick<MembershipsOptions, 'rooms' | 'state'>): Promise<void> {
    const kept = await state.get(UPGRADES_KEY);
    for (const [room, next] of Object.entries(isObject(kept) ? kept : {}))
      rooms.noteTombstone(room, { content: { replacement_room: next } });
  }

  /**
   * Finds the room of each id and address, once /sync has told of upgrades. Resolves to the troubles with those that have
   * none. Other failures are thrown: then nothing works yet.
   */
  async find(): Promise<Map<string, string>> {
    const { rooms, host, userId, signal } = this.#options;
    const missing = new Map<string, string>();
    for (const written of host.rooms()) {
      try {
        await this.#settle(written, await this.#look(written, 'directory'));
      } catch (error) {
        signal.throwIfAborted();
        const trouble =
          roomTrouble(error, written, userId, rooms.known(written)?.upgraded) ??
          (isMatrixFailure(error) && error.status === 400 ? error.detail : undefined);
        if (trouble === undefined) throw error;
        missing.set(written, trouble);
      }
    }
    return missing;
  }

  /** Enters the configured rooms that it may enter, now and as long as some are missing, and tells once of each that it cannot. */
  async tend(missing: ReadonlyMap<string, string>): Promise<void> {
    const { host, signal } = this.#options;
    try {
      for (const [written, trouble] of missing) {
        this.#told.add(written);
        await host.membership(written, 'left', trouble);
      }
      for (;;) {
        for (const written of host.rooms()) {
          if (this.#isDue(written)) await this.#ask(written, 'directory');
          await this.#enter(written);
        }
        await sleep(TEND_EVERY_MS, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted)
        host.log.error({ reason: messageOf(error) }, 'configured rooms are not looked after any more');
    }
  }

  /** Nothing may be sent there now. */
  isMoving(written: string): boolean {
    return this.#moving.has(written);
  }

  /** It was upgraded a moment ago, and the invitation to the new room may be on its way. */
  isAwaited(written: string): boolean {
    const at = this.#settledAt.get(written);
    return at !== undefined && this.#options.monotonic() - at < AWAIT_MS;
  }

  /** Begins to go on in another room, beside whoever found it. */
  goOn(written: string, place: Place): void {
    const { host, signal, beside } = this.#options;
    beside(
      this.#goOn(written, place).catch((error: unknown) => {
        if (!signal.aborted)
          host.log.warn(
            { room: written, reason: messageOf(error) },
            'a room that moved cannot be followed, trying again',
          );
      }),
    );
  }

  /** Something in a room says that it, or an address of it, may have moved. */
  suspect(room: string): void {
    const { rooms, host, beside } = this.#options;
    for (const written of rooms.namesOf(room, host.rooms())) beside(this.#ask(written, 'all'));
  }

  putOut(room: string): void {
    this.#left.add(room);
    this.suspect(room);
  }

  invited(invite: Batch['invites'][number]): void {
    const { host, signal, beside } = this.#options;
    // Beside the loop, which must not wait for it. Where it fails, `tend` tries again.
    beside(
      this.#accept(invite).catch((error: unknown) => {
        if (!signal.aborted)
          host.log.warn(
            { room: invite.room, reason: messageOf(error) },
            'invitation could not be accepted, trying again',
          );
      }),
    );
  }

  async #accept({ room, aliases, predecessor }: Batch['invites'][number]): Promise<void> {
    const { rooms, host, signal } = this.#options;
    // Whoever invites may write anything into the invitation: only the directory, and the room that was upgraded, say
    // whose the address is.
    const claimed = host
      .rooms()
      .filter(
        (written) => aliases.includes(written) || this.#leadsTo(written, predecessor) || this.#leadsTo(written, room),
      );
    let isMeant = host.isConfigured(room);
    for (const written of claimed) {
      const place = await this.#look(written, 'all');
      if (place.room !== room) continue;
      isMeant = true;
      this.#left.delete(room);
      await this.#goOn(written, place);
    }
    if (!isMeant) return host.log.info({ room, aliases }, 'invitation to a room that is not configured, ignored');
    this.#left.delete(room);
    if (!rooms.isJoined(room)) await rooms.join(room, signal);
  }

  #leadsTo(written: string, room: string | undefined): boolean {
    return room !== undefined && this.#options.rooms.known(written)?.room === room;
  }

  /** Looks again; what cannot be found now stays as it was. */
  async #ask(written: string, ask: 'all' | 'directory'): Promise<void> {
    const { host, signal } = this.#options;
    try {
      await this.#goOn(written, await this.#look(written, ask));
    } catch (error) {
      if (!signal.aborted)
        host.log.debug({ room: written, reason: messageOf(error) }, 'a room could not be looked up again');
    }
  }

  #look(written: string, ask: 'all' | 'directory'): Promise<Place> {
    const { rooms, signal, monotonic } = this.#options;
    this.#askedAt.set(written, monotonic());
    return rooms.look(written, signal, ask);
  }

  #isDue(written: string): boolean {
    const at = this.#askedAt.get(written);
    return at === undefined || this.#options.monotonic() - at >= ASK_EVERY_MS;
  }

  async #goOn(written: string, place: Place): Promise<void> {
    for (let other = this.#moving.get(written); other; other = this.#moving.get(written)) await other.catch(() => {});
    const before = this.#options.rooms.known(written)?.room;
    if (before === place.room) return;
    const moving = this.#move(written, before, place).finally(() => this.#moving.delete(written));
    this.#moving.set(written, moving);
    await moving;
  }

  async #move(written: string, before: string | undefined, place: Place): Promise<void> {
    const { rooms, host, monotonic } = this.#options;
    await this.#settle(written, place);
    this.#told.delete(written);
    if (before !== undefined) this.#settledAt.set(written, monotonic());
    await this.#enter(written);
    if (before === undefined || !rooms.isJoined(place.room)) return;
    const id = written.startsWith('!') ? '; write the new id into the configuration' : '';
    const how = place.upgraded ? `the room was upgraded to ${place.room}` : `its address leads to ${place.room} now`;
    await host.membership(place.room, 'moved', how + id);
  }

  async #settle(written: string, place: Place): Promise<void> {
    const { rooms, host, state } = this.#options;
    if (place.upgraded) {
      const kept = [...rooms.upgrades].slice(-UPGRADES_KEPT).map(([room, next]) => [room, next.room] as const);
      await state.set(UPGRADES_KEY, Object.fromEntries(kept) satisfies JsonObject);
    }
    await host.resolved(written, place.room);
    rooms.settle(written, place);
  }

  async #enter(written: string): Promise<void> {
    const { rooms, host, signal, userId } = this.#options;
    const place = rooms.known(written);
    try {
      if (!place || rooms.isJoined(place.room) || this.#left.has(place.room)) return;
      await rooms.join(written, signal);
      this.#told.delete(written);
    } catch (error) {
      if (signal.aborted) throw error;
      const trouble = roomTrouble(error, written, userId, place?.upgraded);
      if (trouble === undefined)
        return host.log.warn({ room: written, reason: messageOf(error) }, 'room could not be entered, trying again');
      if (this.#told.has(written)) return;
      await host.membership(place?.room ?? written, 'left', trouble).then(
        () => this.#told.add(written),
        (failure: unknown) =>
          host.log.warn({ room: written, reason: messageOf(failure) }, 'could not tell about a room'),
      );
    }
  }
}
