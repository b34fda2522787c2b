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

/** If an account has not shown the message by then, the next one is tried. */
const UNCONFIRMED_MS = 60_000;

export interface NotifySource {
  readonly registry: Registry;
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
}

/** The `post` of a skill's own context. */
export type PostFor = (skill: string) => Context['post'];

interface Account {
  readonly connector: string;
  readonly account: string;
}

/** The room of the conversation with one account; it is opened when needed. */
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
  if (!registry.people.byId(to.person)) throw new Error(`there is no person "${to.person}" under people`);
  const accounts = accountsOf(registry, to.person);
  const before = await lockNotification(transaction.query, { ...to, key });
  // A message that has been shown stays at that account.
  const wasLost = before?.state === 'dead';
  const at = wasLost ? undefined : accounts.find((one) => isSameAccount(one, before));
  const next = at ?? accounts[0];
  if (!next) {
    const reason = `${to.person} has no account that takes direct messages`;
    outbox.event(noAccount(to, { key, reason, now }));
    return;
  }
  const state = before?.state === 'shown' && at && !ring ? 'shown' : 'waiting';
  const content = JSON.stringify(toMessage(message));
  // A change while waiting does not extend the wait.
  const isWatched = before?.state === 'waiting' && at !== undefined;
  const watch = state === 'waiting' && !isWatched;
  await send(source, post, { ...to, key, ...next, content, queue, state }, { ring: ring || wasLost, watch });
}

/**
 * Handles the report of a direct message sent by `notify`. Returns the report for the skill, or undefined if the next account is
 * tried or nothing has changed. Reports of other messages are returned unchanged.
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
  const report: DeliveryReport = { ...deliveryReport, person: found.person, account: account.account };
  if (deliveryReport.state === 'shown') {
    // Even at an account that was skipped: the person has been reached.
    source.outbox.timer('core', found.id, null);
    await writeNotification(source.transaction.query, { ...found, ...account, state: 'shown' }, source.now);
    return report;
  }
  if (!isSameAccount(account, found)) return undefined;
  if (await tryNext(source, postFor, found)) return undefined;
  source.outbox.timer('core', found.id, null);
  await writeNotification(source.transaction.query, { ...found, state: 'dead' }, source.now);
  return report;
}

/** The wait is over: tries the next account, unless the message has been shown or there is none. */
export async function checkShown(source: NotifySource, postFor: PostFor, id: string): Promise<void> {
  const found = await lockNotificationById(source.transaction.query, id);
  if (found?.state !== 'waiting' || !(await isUnshown(source.transaction.query, found))) return;
  await tryNext(source, postFor, found);
}

/** False: there is no further account. */
async function tryNext(source: NotifySource, postFor: PostFor, found: Notification): Promise<boolean> {
  if (!source.registry.skills.has(found.skill)) return false;
  const accounts = accountsOf(source.registry, found.person);
  const next = accounts[accounts.findIndex((one) => isSameAccount(one, found)) + 1];
  if (!next) return false;
  await send(source, postFor(found.skill), { ...found, ...next, state: 'waiting' }, { ring: true, watch: true });
  return true;
}

async function send(
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

function isSameAccount(one: Account, found: Account | undefined): boolean {
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
