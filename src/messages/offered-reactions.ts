import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Connector, Operation, RateLimited } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Lease } from '../replicas/lease.ts';
import { actionsOf } from './offered-actions.ts';
import type { Copy } from './plan.ts';
import type { RateLimits } from './rate-limiter.ts';
import { endReact, nextReact, type Reactable } from './reactable.ts';

const AT_ONCE = 5;

export interface OfferReactionsOptions {
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
}

/** Adds the emoji to tap. The least urgent of all requests, and skipped while the account is throttled. */
export async function offerReactions(
  options: OfferReactionsOptions,
  limits: RateLimits,
  isStopped: () => boolean,
): Promise<void> {
  const { query, connector, lease, name, clock } = options;
  if (!connector.capabilities.reactions || connector.capabilities.buttons) return;
  for (let count = 0; count < AT_ONCE && !isStopped(); count++) {
    if (limits.account.isThrottled(clock.steady())) return endReact(query, lease, undefined);
    const row = await nextReact(query, name, clock.now());
    if (!row) return;
    await offer(options, limits, row);
    await endReact(query, lease, [row.id]);
  }
}

async function offer(
  { connector, signal, remoteRoomOf, clock, log }: OfferReactionsOptions,
  limits: RateLimits,
  row: Reactable,
): Promise<void> {
  const copies = JSON.parse(row.copies) as Copy[];
  const target = copies.at(-1)?.parts[0]?.remoteId;
  if (!target) return;
  const actions = actionsOf(row.offered).filter((action) => action.offer !== false);
  let operation: Operation | undefined;
  try {
    for (const [index, { emoji }] of actions.entries()) {
      const key = { uuid: uuidOf(target), count: index };
      operation = { type: 'react', key, room: await remoteRoomOf(row), target, emoji, unknownTries: 0 };
      limits.spend(operation);
      await connector.perform(operation, signal());
    }
  } catch (error) {
    if (codeOf(error) === 'WB_RATE_LIMITED') limits.refused(row.room, operation, error as RateLimited, clock.steady());
    log.debug({ reason: messageOf(error) }, 'reaction could not be added');
  }
}

/** The key depends only on the message on the platform, so a repeat after a crash is recognised without a row. */
function uuidOf(target: string): string {
  const hex = createHash('sha256').update(target).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
