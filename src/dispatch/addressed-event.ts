import { z } from 'zod';
import type { Context } from '../contract/context.ts';
import type { DeliveryReport } from '../contract/delivery-report.ts';
import type { Skill } from '../contract/skill.ts';
import type { TaskOutcome, TaskReport } from '../contract/task.ts';
import type { WebhookCall } from '../contract/webhook.ts';
import type { Transaction } from '../db/database.ts';
import type { EventRow } from '../events/event.ts';
import { createContext } from '../handlers/context.ts';
import { checkShown, handleReport, type PostFor } from '../handlers/notify.ts';
import type { Outbox } from '../handlers/outbox.ts';
import { runHandler } from '../handlers/run-handler.ts';
import { NOTIFY_TIMER } from '../people/notifications.ts';
import type { Registry } from '../registry/registry.ts';

export interface AddressedInput {
  readonly registry: Registry;
  /** One event, or calls of one webhook. */
  readonly rows: readonly [EventRow, ...EventRow[]];
  readonly transaction: Transaction;
  readonly outbox: Outbox;
  readonly now: Date;
  /** Default: the time limit of handlers. */
  readonly timeoutMs?: number;
}

const webhookPayload = z.object({
  source: z.string(),
  body: z.unknown(),
  headers: z.record(z.string(), z.string()).default({}),
  remoteAddress: z.string().optional(),
});
const taskPayload = z.looseObject({
  id: z.string(),
  payload: z.unknown(),
  startedAt: z.coerce.date(),
  ok: z.boolean(),
});
const progressPayload = z.object({
  id: z.string(),
  key: z
    .string()
    .nullish()
    .transform((key) => key ?? undefined),
  payload: z.unknown(),
  progress: z.unknown(),
});
const servicePayload = z.object({ payload: z.unknown(), readAt: z.coerce.date() });
const reportPayload = z.object({
  connector: z.string(),
  room: z.string(),
  key: z.string(),
  state: z.enum(['shown', 'dead', 'dropped']),
  at: z.coerce.date(),
  reason: z.string().nullable(),
  person: z.string().optional(),
  everyMs: z.number().nullable().default(null),
});

/**
 * Handles an event addressed to one skill: webhook calls, a timer, cron tick, task result, event of another skill, or delivery
 * report. @throws {Error} when the skill or the name is unknown, or the payload is invalid, so that the event fails visibly.
 */
export async function handleAddressed({ rows, ...input }: AddressedInput): Promise<'ok'> {
  const [{ skill }] = rows;
  const loaded = input.registry.skills.get(skill ?? '');
  if (!loaded) throw new Error(`this replica has no skill "${skill ?? ''}"`);
  const given = rows.map((row) => ({ row, revocable: createContext({ ...input, loaded, eventId: row.id }) }));
  const calls = given.map(({ row, revocable }) => ({ row, context: revocable.context }));
  const all = { revoke: () => given.forEach(({ revocable }) => revocable.revoke()) };
  await runHandler(all, () => call(input, loaded.skill, calls), input.timeoutMs);
  return 'ok';
}

interface Call {
  readonly row: EventRow;
  readonly context: Context<unknown>;
}

function requestOf({ row, context }: Call): WebhookCall {
  const { remoteAddress, ...request } = webhookPayload.parse(JSON.parse(row.payload));
  return { context, request: { ...request, remoteAddress, receivedAt: row.accepted_at, order: row.id } };
}

type Surroundings = Omit<AddressedInput, 'rows'>;

function call(input: Surroundings, skill: Skill<unknown>, calls: readonly Call[]): unknown {
  const [one] = calls;
  if (!one) return undefined;
  const { row, context } = one;
  const declared = <T>(of: Readonly<Record<string, T>> | undefined): T => {
    const found = of?.[row.name ?? ''];
    if (found === undefined) throw new Error(`the skill "${skill.name}" has no ${row.kind} "${row.name ?? ''}"`);
    return found;
  };
  if (row.kind === 'webhook') return declared(skill.webhooks).run(calls.map(requestOf));
  const payload: unknown = JSON.parse(row.payload);
  const lateMs = Math.max(0, input.now.getTime() - row.happened_at.getTime());
  switch (row.kind) {
    case 'timer': {
      if (skill.name === 'core' && row.name === NOTIFY_TIMER)
        return checkShown(input, postFor(input, row), row.key ?? '');
      const timer = declared(skill.timers);
      const fired = { key: row.key ?? '', dueAt: row.happened_at, lateMs };
      return timer.run(context, { ...fired, payload: timer.payload.parse(payload) });
    }
    case 'cron':
      return declared(skill.crons).run(context, { at: row.happened_at, lateMs, key: row.key ?? undefined });
    case 'task':
      return declared(skill.tasks).done(
        context,
        taskPayload.parse(payload) as unknown as TaskOutcome<unknown, unknown>,
      );
    case 'progress':
      return declared(skill.tasks).report?.(context, progressPayload.parse(payload) as TaskReport<unknown, unknown>);
    case 'service': {
      const [service = '', event = ''] = (row.name ?? '').split('/');
      const found = skill.services?.[service]?.events[event];
      if (!found) throw new Error(`the skill "${skill.name}" has no service with the event "${row.name}"`);
      const { payload: given, readAt } = servicePayload.parse(payload);
      return found.run(context, found.payload.parse(given), { readAt });
    }
    case 'emit': {
      const listener = declared(skill.events);
      return listener.run(context, listener.payload.parse(payload));
    }
    case 'fate': {
      const { connector, room, ...rest } = reportPayload.parse(payload);
      return deliverReport(input, { row, context }, skill, { ...rest, room: { connector, room } });
    }
    default:
      throw new Error(`events of kind ${row.kind} cannot be addressed to the skill "${skill.name}"`);
  }
}

async function deliverReport(
  input: Surroundings,
  { row, context }: Call,
  skill: Skill<unknown>,
  deliveryReport: DeliveryReport,
): Promise<void> {
  const report = await handleReport(input, postFor(input, row), skill.name, deliveryReport);
  if (report) await skill.deliveryReport?.(context, report);
}

/** Posts as another skill, for direct messages that the core redirects. */
function postFor(input: Surroundings, { id }: EventRow): PostFor {
  return (skill) => {
    const loaded = input.registry.skills.get(skill);
    if (!loaded) throw new Error(`this replica has no skill "${skill}"`);
    return createContext({ ...input, loaded, eventId: id }).context.post;
  };
}
