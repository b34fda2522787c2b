import { z } from 'zod';
import type { Transaction } from '../db/database.ts';
import type { Context, Fate, TaskOutcome, WebhookRequest } from '../skill.ts';
import { createContext, runHandler } from './context.ts';
import type { Effects } from './effects.ts';
import type { EventRow } from './event.ts';
import type { World } from './world.ts';

export interface AddressedInput {
  readonly world: World;
  readonly row: EventRow;
  readonly transaction: Transaction;
  readonly effects: Effects;
  readonly now: Date;
  /** Default: what a handler may take. */
  readonly timeoutMs?: number;
}

const webhookPayload = z.object({ source: z.string(), body: z.unknown(), remoteAddress: z.string().optional() });
const taskPayload = z.looseObject({
  id: z.string(),
  payload: z.unknown(),
  startedAt: z.coerce.date(),
  ok: z.boolean(),
});
const fatePayload = z.object({
  connector: z.string(),
  room: z.string(),
  key: z.string(),
  state: z.enum(['shown', 'dead', 'dropped']),
  at: z.coerce.date(),
  reason: z.string().nullable(),
  everyMs: z.number().nullable().default(null),
});

/**
 * Handles an event that is addressed to one skill: webhook, timer, cron, task result, word from another skill, fate.
 * @throws {Error} when the skill or the name is not known, or the payload is not understood: the event fails visibly.
 */
export async function handleAddressed(input: AddressedInput): Promise<'ok'> {
  const { row, world } = input;
  const loaded = world.skills.get(row.skill ?? '');
  if (!loaded) throw new Error(`no skill is called "${row.skill ?? ''}" here`);
  const revocable = createContext({ ...input, loaded, eventId: row.id });
  await runHandler(revocable, () => call(input, revocable.context), input.timeoutMs);
  return 'ok';
}

/** Webhooks of one skill that it takes several of at once: whose they are; undefined: this event goes alone. */
export function manyOf({ skills }: World, { kind, skill, name }: EventRow): string | undefined {
  const webhook = kind === 'webhook' && skills.get(skill ?? '')?.skill.webhooks?.[name ?? ''];
  return webhook && webhook.runMany ? `${skill} ${name}` : undefined;
}

/**
 * Handles events of one `manyOf` together, no two of one lane. Returns what each said, as if it had been handled alone.
 * @throws as `handleAddressed`, and then none is handled.
 */
export async function handleMany(
  input: Omit<AddressedInput, 'row' | 'effects'>,
  rows: readonly EventRow[],
  effectsOf: () => Effects,
): Promise<{ readonly row: EventRow; readonly effects: Effects }[]> {
  const [first] = rows;
  const loaded = input.world.skills.get(first?.skill ?? '');
  const webhook = loaded?.skill.webhooks?.[first?.name ?? ''];
  if (!loaded || !webhook?.runMany) throw new Error('these events are not to be handled together');
  const { runMany } = webhook;
  const given = rows.map((row) => {
    const effects = effectsOf();
    return { row, effects, revocable: createContext({ ...input, effects, loaded, eventId: row.id }) };
  });
  const calls = given.map(({ row, revocable }) => ({ context: revocable.context, request: requestOf(row) }));
  const all = { revoke: () => given.forEach(({ revocable }) => revocable.revoke()) };
  await runHandler(all, () => runMany(calls), input.timeoutMs);
  return given;
}

function requestOf(row: EventRow): WebhookRequest {
  const { source, body, remoteAddress } = webhookPayload.parse(JSON.parse(row.payload));
  return { source, body, remoteAddress, receivedAt: row.accepted_at, order: row.id };
}

function call(input: AddressedInput, context: Context<unknown>): unknown {
  const { row, now, world } = input;
  const skill = world.skills.get(row.skill ?? '')?.skill;
  const name = row.name ?? '';
  const missing = (): never => {
    throw new Error(`the skill "${row.skill ?? ''}" has no ${row.kind} called "${name}"`);
  };
  const lateMs = Math.max(0, now.getTime() - row.happened_at.getTime());
  const payload: unknown = row.kind === 'webhook' ? undefined : JSON.parse(row.payload);
  switch (row.kind) {
    case 'webhook': {
      const webhook = skill?.webhooks?.[name] ?? missing();
      return webhook.run(context, requestOf(row));
    }
    case 'timer': {
      const timer = skill?.timers?.[name] ?? missing();
      return timer.run(context, {
        key: row.key ?? '',
        payload: timer.payload.parse(payload),
        dueAt: row.happened_at,
        lateMs,
      });
    }
    case 'cron':
      return (skill?.crons?.[name] ?? missing()).run(context, {
        at: row.happened_at,
        lateMs,
        key: row.key ?? undefined,
      });
    case 'task': {
      const task = skill?.tasks?.[name] ?? missing();
      return task.done(context, taskPayload.parse(payload) as unknown as TaskOutcome<unknown, unknown>);
    }
    case 'emit': {
      const listener = skill?.events?.[name] ?? missing();
      return listener.run(context, listener.payload.parse(payload));
    }
    case 'fate': {
      const { connector, room, ...rest } = fatePayload.parse(payload);
      const fate: Fate = { ...rest, room: { connector, room } };
      return skill?.fate?.(context, fate);
    }
    default:
      return missing();
  }
}
