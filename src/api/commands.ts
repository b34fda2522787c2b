import type { Request } from 'express';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Actor } from '../contract/actor.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import { findCommandState, noRoom, remoteEvent, waitUntilDone, type RemoteAnswer } from '../dispatch/remote-command.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import { insertEvents } from '../events/event.ts';
import type { Registry } from '../registry/registry.ts';
import type { Problem } from './problems.ts';

export interface CommandsOptions {
  readonly registry: () => Registry;
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly afterCommit: Pick<AfterCommit, 'urgentAccepted'>;
  /** How long a request waits for the answer. Default 20,000. */
  readonly waitMs?: number;
}

/** Longer than any handler, but below the 30 s timeout of many clients. */
const WAIT_MS = 20_000;

export const commandBody = z.strictObject({
  say: z.string().min(1).max(4000).describe('The command as typed in a room: `ack 12`.'),
  room: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe('Configured room in which to run the command. Default: as in a direct message.'),
});

export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

export const STATUS: Readonly<Record<RemoteAnswer['outcome'], number>> = {
  ok: 200,
  cancelled: 200,
  confirm: 200,
  invalid: 400,
  denied: 403,
  wrong: 409,
  failed: 500,
};

const RUNNING: Problem = {
  status: 409,
  sentence: 'the command with this Idempotency-Key is still running: try again with the same key',
  headers: { 'Retry-After': '1' },
};
const OTHER_BODY: Problem = {
  status: 422,
  sentence:
    'this Idempotency-Key was used for another command: use a new key for each command, and the same one only for repeats',
};
const NOT_RUN_YET: Problem = {
  status: 503,
  sentence: 'the command is stored but has not been run yet: try again with the same Idempotency-Key',
  headers: { 'Retry-After': '1' },
};

/** Runs a command for an actor, once per key, and resolves to its answer, also for repeats. */
export async function runOnce(
  { registry, database, clock, crashPoint, afterCommit, waitMs = WAIT_MS }: CommandsOptions,
  actor: Actor,
  request: Request,
): Promise<RemoteAnswer | Problem> {
  const sourceId = request.headers['idempotency-key'];
  if (typeof sourceId !== 'string' || !IDEMPOTENCY_KEY.test(sourceId))
    return {
      status: 400,
      sentence:
        'send an Idempotency-Key of 1 to 200 printable ASCII characters: a new one for each command, such as a UUID',
    };
  const body = commandBody.safeParse(request.body);
  if (!body.success)
    return { status: 400, sentence: 'send JSON such as { "say": "ack 12", "room": "ops" }; "room" is optional' };
  const { say, room } = body.data;
  const source =
    actor.kind === 'token' ? `api:${actor.name.slice('token:'.length)}` : `api:${actor.connector}/${actor.accountId}`;
  const event = remoteEvent({ actor, say, room }, { source, sourceId, now: clock.now() });
  const before = await findCommandState(database.query, source, sourceId);
  if (before && before.key !== event.key) return OTHER_BODY;
  if (before?.state === 'new') return RUNNING;
  if (before) return before.answer;
  if (room !== undefined && !registry().rooms.byName(room)) return { status: 400, sentence: noRoom(registry(), room) };
  crashPoint('accept.before-commit');
  const accepted = await insertEvents(database.query, [event]);
  crashPoint('accept.after-commit');
  afterCommit.urgentAccepted(accepted);
  const done = await waitUntilDone(database.query, { source, sourceId }, waitMs);
  if (!done) return NOT_RUN_YET;
  // Two requests came at once, and the other one was first.
  return done.key === event.key ? done.answer : OTHER_BODY;
}
