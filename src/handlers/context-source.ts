import type { Transaction } from '../db/database.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import type { Outbox } from './outbox.ts';

export interface ContextSource {
  readonly registry: Registry;
  readonly loaded: LoadedSkill;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  readonly eventId: number;
}
