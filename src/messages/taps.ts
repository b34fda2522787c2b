import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Connector } from '../connectors/connector.ts';
import type { Query } from '../db/database.ts';
import type { Lease } from '../db/lease.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../skill.ts';
import { actionsOf } from './offered.ts';
import type { Pace } from './pace.ts';
import type { Copy } from './plan.ts';
import { endReact, nextReact, type Reactable } from './store.ts';

const AT_ONCE = 5;

export interface TapsOptions {
  readonly query: Query;
  readonly name: string;
  readonly connector: Connector;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends a request before the lease does. */
  readonly signal: () => AbortSignal;
}

/** The least urgent thing: adds the emoji to tap. Left out altogether while the account is throttled. */
export async function offerTaps(options: TapsOptions, pace: Pace, isStopped: () => boolean): Promise<void> {
  const { query, connector, lease, name, clock } = options;
  if (!connector.capabilities.reactions || connector.capabilities.buttons) return;
  for (let count = 0; count < AT_ONCE && !isStopped(); count++) {
    if (pace.isAccountThrottled(clock.monotonic())) return endReact(query, lease, undefined);
    const row = await nextReact(query, name, clock.now());
    if (!row) return;
    await offer(options, pace, row);
    await endReact(query, lease, [row.id]);
  }
}

async function offer({ connector, signal, clock, log }: TapsOptions, pace: Pace, row: Reactable): Promise<void> {
  const copies = JSON.parse(row.copies) as Copy[];
  const target = copies.at(-1)?.parts[0]?.remoteId;
  if (!target) return;
  const actions = actionsOf(row.offered).filter((action) => action.offer !== false);
  try {
    for (const [index, { emoji }] of actions.entries()) {
      pace.spend();
      // The key depends on the target alone, so a repeat after a crash is recognised without a row for it.
      const key = `${row.id}.t${index}.${createHash('sha256').update(target).digest('base64url').slice(0, 16)}`;
      await connector.perform({ type: 'react', key, room: row.room, target, emoji, unknownTries: 0 }, signal());
    }
  } catch (error) {
    if (codeOf(error) === 'WB_RATE_LIMITED') {
      const { retryAfterMs } = error as { retryAfterMs?: number } & Error;
      pace.rateLimited('account', row.room, retryAfterMs ?? 1000, clock.monotonic());
    }
    log.debug({ reason: messageOf(error) }, 'tap not offered');
  }
}
