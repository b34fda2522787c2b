import { toMessage, type Message, type MessageLike, type RoomAddress } from '../chat/message.ts';
import type { Context, NotifyOptions } from '../contract/context.ts';
import type { DeliveryReport } from '../contract/delivery-report.ts';
import type { Transaction } from '../db/database.ts';
import {
  isUnshown,
  lockNotification,
  lockNotificationById,
  NOTIFY_TIMER,
  writeNotification,
  type Notification,
} from '../people/notifications.ts';
import type { Registry } from '../registry/registry.ts';
import type { Outbox } from './outbox.ts';

/** An account that shows nothing for this long is taken not to reach anybody now. */
const UNCONFIRMED_MS = 60_000;

export interface NotifySource {
  readonly registry: Registry;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
}

/** How a skill's messages are posted: its own context's. */
export type PostFor = (skill: string) => Context['post'];

interface Account {
  readonly connector: string;
  readonly account: string;
}

/** The conversation with one account, before anybody has opened it. */
export function directRoom({ connector, account }: Account): RoomAddress {
  return { connector, room: `direct:${account}` };
}

/** Makes a person see `message` under `key`, at the first of their accounts that shows it. */
export async function notifyPerson(
  source: NotifySource,
  post: Context['post'],
  to: { readonly skill: string; readonly person: string },
  message: MessageLike,
  { key, ring = true, queue = 'page' }: NotifyOptions,
): Promise<void> {
  const { registry, transaction, outbox, now } = source;
  if (!registry.people.byId(to.person)) throw new Error(`nobody is listed as "${to.person}"`);
  const accounts = accountsOf(registry, to.person);
  const before = await lockNotification(transaction.query, { ...to, key });
  // One that has reached somebody goes on where it did.
  const wasLost = before?.state === 'dead';
  const at = wasLost ? undefined : accounts.find((one) => isAt(one, before));
  const next = at ?? accounts[0];
  if (!next) {
    const reason = `${to.person} has no account that can be written to`;
    outbox.event(noAccount(to, { key, reason, now }));
    return;
  }
  const state = before?.state === 'shown' && at && !ring ? 'shown' : 'waiting';
  const content = JSON.stringify(toMessage(message));
  // What changes while it waits gives it no more time.
  const isWatched = before?.state === 'waiting' && at !== undefined;
  const watch = state === 'waiting' && !isWatched;
  await reach(source, post, { ...to, key, ...next, content, queue, state }, { ring: ring || wasLost, watch });
}

/**
 * What became of a message in a direct room, where it was sent to reach a person: told to the skill, or undefined when
 * the next account is tried or nothing has changed. One that is no such message is told as it is.
 */
export async function handleReport(
  source: NotifySource,
  postFor: PostFor,
  skill: string,
  deliveryReport: DeliveryReport,
): Promise<DeliveryReport | undefined> {
  const account = {
    connector: deliveryReport.room.connector,
    account: deliveryReport.room.room.replace(/^direct:/, ''),
  };
  if (!deliveryReport.room.room.startsWith('direct:')) return deliveryReport;
  const person = source.registry.people.byAccount(account.connector, account.account);
  const found =
    person && (await lockNotification(source.transaction.query, { skill, key: deliveryReport.key, person: person.id }));
  if (!found) return deliveryReport;
  const told: DeliveryReport = { ...deliveryReport, person: found.person, account: account.account };
  if (deliveryReport.state === 'shown') {
    // Also by an account that had been given up: whoever reads it has been reached.
    source.outbox.timer('core', found.id, null);
    await writeNotification(source.transaction.query, { ...found, ...account, state: 'shown' }, source.now);
    return told;
  }
  if (!isAt(account, found)) return undefined;
  if (await goOn(source, postFor, found)) return undefined;
  source.outbox.timer('core', found.id, null);
  await writeNotification(source.transaction.query, { ...found, state: 'dead' }, source.now);
  return told;
}

/** The time is up: the next account is tried, unless it has been shown meanwhile or there is none. */
export async function checkShown(source: NotifySource, postFor: PostFor, id: string): Promise<void> {
  const found = await lockNotificationById(source.transaction.query, id);
  if (found?.state !== 'waiting' || !(await isUnshown(source.transaction.query, found))) return;
  await goOn(source, postFor, found);
}

/** False: there is no further account. */
async function goOn(source: NotifySource, postFor: PostFor, found: Notification): Promise<boolean> {
  if (!source.registry.skills.has(found.skill)) return false;
  const accounts = accountsOf(source.registry, found.person);
  const next = accounts[accounts.findIndex((one) => isAt(one, found)) + 1];
  if (!next) return false;
  await reach(source, postFor(found.skill), { ...found, ...next, state: 'waiting' }, { ring: true, watch: true });
  return true;
}

async function reach(
  { transaction, outbox, now }: NotifySource,
  post: Context['post'],
  to: Omit<Notification, 'id'>,
  { ring, watch }: { readonly ring: boolean; readonly watch: boolean },
): Promise<void> {
  const id = await writeNotification(transaction.query, to, now);
  await post(directRoom(to), to.key, JSON.parse(to.content) as Message, { ring, queue: to.queue, report: true });
  if (watch)
    outbox.timer('core', id, {
      name: NOTIFY_TIMER,
      payload: 'null',
      dueAt: new Date(now.getTime() + UNCONFIRMED_MS),
    });
}

/** In the order of `contact`; only where the bot can open a conversation. */
function accountsOf(registry: Registry, person: string): Account[] {
  return Object.entries(registry.people.byId(person)?.accounts ?? {})
    .filter(([connector]) => registry.capabilities(connector)?.direct === true)
    .map(([connector, account]) => ({ connector, account }));
}

function isAt(one: Account, found: Account | undefined): boolean {
  return one.connector === found?.connector && one.account === found.account;
}

function noAccount(
  { skill, person }: { readonly skill: string; readonly person: string },
  { key, reason, now }: { readonly key: string; readonly reason: string; readonly now: Date },
) {
  return {
    ...{ source: 'fate', sourceId: `${skill}:${key}:${person}:${now.toISOString()}`, lane: `${skill}:${key}` },
    ...{ kind: 'fate' as const, skill, name: 'fate', happenedAt: now },
    payload: JSON.stringify({ connector: '', room: '', key, state: 'dead', at: now, reason, person }),
  };
}
