import { type Context, defineTask, escape, type TaskOutcome } from '#skill';
import { answerRequest } from './answer-request.ts';
import type { CoffeeOptions } from './options.ts';
import type { Pairing } from './pairing.ts';
import { idOf } from './person-ids.ts';
import { readRoundInput } from './round-input.ts';
import { computedRound, type ComputedRound, pairPayload, type PairPayload } from './round-payload.ts';
import { roundReport } from './round-report.ts';
import { postInRooms } from './rounds.ts';
import { runInWorker } from './run-in-worker.ts';
import { storeRound } from './store-round.ts';
import { reasonIn } from './wording.ts';

/** A round of 5,000 people takes 150 MB. */
const HEAP_MB = 300;

const MAX_WAIT_MS = 3_600_000;

/** The last try comes about half a day after the first. */
const MAX_TRIES = 20;

/** Computes a round in a worker thread and stores it in one transaction. */
export const pairTask = defineTask<CoffeeOptions, PairPayload, ComputedRound>({
  payload: pairPayload,
  result: computedRound,
  idempotent: true,
  timeoutMs: 120_000,
  attempts: 3,
  async run(run) {
    const { number, explain } = run.payload;
    const { input, who, away, keeping, skipping } = await readRoundInput(run);
    const pairing = await runInWorker<Pairing>('./pair-thread.ts', input, { heapMb: HEAP_MB, signal: run.signal });
    const resting = new Set(pairing.resting.map(({ id }) => id));
    const nameOf = (id: string): string => who.get(id)?.name ?? id;
    const seatedAs = (person: string): string => {
      const [account] = Object.entries(who.get(person)?.accounts ?? {});
      return account ? idOf(...account) : person;
    };
    const joined = new Map(input.participants.map((one) => [one.id, one]));
    return {
      groups: pairing.groups.map((group) => {
        const [first, ...others] = group.map((id) => who.get(id)?.accounts ?? {});
        const connector =
          Object.keys(first ?? {}).find((name) => others.every((accounts) => Object.hasOwn(accounts, name))) ?? '';
        return {
          connector,
          people: group.map((person) => {
            const accountId = who.get(person)?.accounts[connector] ?? '';
            return { id: idOf(connector, accountId), name: nameOf(person), accountId };
          }),
        };
      }),
      resting: pairing.resting.map(({ id, why }) => ({ id, name: nameOf(id), why })),
      seats: [
        ...[...pairing.seats].map(([person, seat]) => ({
          ...{ person: seatedAs(person), seat, joined: joined.get(person)?.joined ?? number },
          rested: resting.has(person) ? number : (joined.get(person)?.rested ?? null),
          rests: (joined.get(person)?.rests ?? 0) + (resting.has(person) ? 1 : 0),
        })),
      ],
      quality: pairing.quality,
      keeping: [...keeping],
      skipping: [...skipping],
      report: roundReport({ input, pairing, nameOf, away: away.length, ...(explain !== undefined && { explain }) }),
    };
  },
  done: (context, outcome) =>
    outcome.payload.id === undefined
      ? answerDryRun(context, outcome)
      : storeOutcome(context, outcome, outcome.payload.id),
});

type Outcome = TaskOutcome<PairPayload, ComputedRound>;

function answerDryRun(context: Context<CoffeeOptions>, outcome: Outcome): Promise<void> {
  const says = outcome.ok ? outcome.result.report : `The round could not be computed: ${reasonIn(outcome.reason)}`;
  return answerRequest(context, outcome.payload.request, { ok: outcome.ok, says });
}

async function storeOutcome(context: Context<CoffeeOptions>, outcome: Outcome, id: string): Promise<void> {
  const { sql, now, at, log } = context;
  const [round] = await sql<{ state: string; tries: number; rooms: readonly string[] }>(
    'select state, tries, rooms from coffee_rounds where id = $1 for update',
    [id],
  );
  const { name, number, request } = outcome.payload;
  if (round?.state !== 'pairing') {
    // Computed twice; the other one was faster.
    const isMade = round?.state !== 'failed';
    const says = `Round ${number} of ${name} ${isMade ? 'already exists' : 'has already failed'}.`;
    return answerRequest(context, request, { ok: isMade, says });
  }
  if (outcome.ok) {
    await storeRound(context, { ...outcome.payload, id, rooms: round.rooms }, outcome.result);
    return answerRequest(context, request, { ok: true, says: outcome.result.report });
  }
  const reason = reasonIn(outcome.reason);
  const tries = round.tries + 1;
  const isOver = tries >= MAX_TRIES || !context.options.rounds[name];
  await sql('update coffee_rounds set tries = $2, reason = $3, state = $4, moved_at = $5 where id = $1', [
    ...[id, tries, reason],
    isOver ? 'failed' : 'pairing',
    now,
  ]);
  log.warn({ round: id, tries, reason }, isOver ? 'round failed for good' : 'round failed and will be retried');
  const wait = `; ${isOver ? 'I have given up' : 'I will keep trying'}`;
  await answerRequest(context, request, { ok: false, says: `The round could not be computed: ${reason}${wait}` });
  const trouble = `☕ Coffee round ${number} ${isOver ? 'failed' : 'is delayed'}: ${escape(reason)}. ${isOver ? '`!coffee pair` starts a new one.' : 'I will keep trying.'}`;
  await postInRooms(context, round.rooms, `round:${id}`, trouble);
  if (isOver) return;
  const waitMs = Math.min(60_000 * 2 ** (tries - 1), MAX_WAIT_MS);
  await at(`again:${id}`, new Date(now.getTime() + waitMs), 'again', {
    ...outcome.payload,
    at: new Date(outcome.payload.at).toISOString(),
    request: undefined,
  });
}

export const retryPairingTimer = {
  payload: pairPayload,
  run: async (context: Context<CoffeeOptions>, { payload }: { payload: PairPayload }) => {
    await context.task('pair', { ...payload, at: payload.at.toISOString() });
  },
};
