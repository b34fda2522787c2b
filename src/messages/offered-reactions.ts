import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Connector, Operation, RateLimited } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Lease } from '../replicas/lease.ts';
import { actionsOf } from './offered-actions.ts';
import type { Copy } from './plan.ts';
import { RateLimiter, type RateLimits } from './rate-limiter.ts';
import { endReact, nextReact, type Reactable } from './reactable.ts';

const AT_ONCE = 5;
/** About a minute and a half with the pauses between them. */
const MAX_UNKNOWN_TRIES = 8;

export interface OfferedReactionsOptions {
  readonly query: Query;
  readonly name: string;
  readonly connector: Connector;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: Log;
  /** The platform's room for a row. */
  readonly remoteRoomOf: (row: { readonly room: string }) => Promise<string>;
  /** Aborts a request before the lease ends. */
  readonly signal: () => AbortSignal;
  readonly onUnauthorised: (error: unknown) => void;
}

/** Adds the emoji to tap. The least urgent of all requests, and skipped while the account is throttled. */
export class OfferedReactions {
  readonly #options: OfferedReactionsOptions;
  readonly #limits: RateLimits;
  /** Of its own: a reaction that fails must not delay messages. */
  readonly #pause = new RateLimiter();
  /** Message → requests for its reactions whose outcome is unknown. */
  readonly #tries = new Map<string, number>();

  constructor(options: OfferedReactionsOptions, limits: RateLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  async offer(isStopped: () => boolean): Promise<void> {
    const { query, connector, lease, name, clock } = this.#options;
    if (!connector.capabilities.reactions || connector.capabilities.buttons) return;
    for (let count = 0; count < AT_ONCE && !isStopped(); count++) {
      if (this.#limits.account.isThrottled(clock.steady())) return endReact(query, lease, undefined);
      if (this.#pause.waitMs(clock.steady()) > 0) return;
      const row = await nextReact(query, name, clock.now());
      if (!row) return;
      if (!(await this.#toMessage(row))) return;
      this.#tries.delete(row.id);
      await endReact(query, lease, [row.id]);
    }
  }

  /** False: they are added later. */
  async #toMessage(row: Reactable): Promise<boolean> {
    const { connector, signal, remoteRoomOf } = this.#options;
    const copies = JSON.parse(row.copies) as Copy[];
    const target = copies.at(-1)?.parts[0]?.remoteId;
    if (!target) return true;
    const actions = actionsOf(row.offered).filter((action) => action.offer !== false);
    let operation: Operation | undefined;
    try {
      for (const [index, { emoji }] of actions.entries()) {
        const key = { uuid: uuidOf(target), count: index };
        const unknownTries = this.#tries.get(row.id) ?? 0;
        operation = { type: 'react', key, room: await remoteRoomOf(row), target, emoji, unknownTries };
        this.#limits.spend(operation);
        await connector.perform(operation, signal());
      }
      this.#pause.succeeded();
      return true;
    } catch (error) {
      this.#options.log.debug({ reason: messageOf(error) }, 'reaction could not be added');
      return this.#failed(row, operation, error);
    }
  }

  /** Whether to give up. */
  #failed(row: Reactable, operation: Operation | undefined, error: unknown): boolean {
    const nowMs = this.#options.clock.steady();
    switch (codeOf(error)) {
      case 'WB_RATE_LIMITED':
        this.#limits.refused(row.room, operation, error as RateLimited, nowMs);
        return true;
      case 'WB_REJECTED':
      case 'WB_GONE':
        return true;
      case 'WB_UNAUTHORISED':
        this.#options.onUnauthorised(error);
        return false;
      case 'WB_UNREACHABLE':
      case 'WB_MOVED':
        this.#pause.failed(nowMs);
        return false;
    }
    const tries = (this.#tries.get(row.id) ?? 0) + 1;
    this.#tries.set(row.id, tries);
    this.#pause.failed(nowMs);
    return tries >= MAX_UNKNOWN_TRIES;
  }
}

/** The key depends only on the message on the platform, so a repeat after a crash is recognised without a row. */
function uuidOf(target: string): string {
  const hex = createHash('sha256').update(target).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
