// The load besides alerts and commands in rooms: button presses on the second platform, tasks, and commands over the API.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { SIGNATURE_HEADER, signatureOf } from '../line-protocol/route.ts';
import type { Said } from '../line-protocol/said.ts';
import { postUntilTaken, type Again, type Post } from './post.ts';
import { API_TOKEN, KITCHEN, ROOMS, TOKEN, type SoakSetting } from './setting.ts';

/** The only press of an account, delivered several times. */
export interface PressPlan {
  readonly account: string;
  readonly ballot: string;
  readonly choice: 'no' | 'yes';
  readonly times: number;
}

export interface JobPlan {
  readonly key: string;
  readonly room: string;
  /** It only ends by being cancelled. */
  readonly waits: boolean;
  readonly cancelled: boolean;
  readonly times: number;
}

/** A command with its own key; `before`: the key of the command that noted the same word. */
export interface CallPlan {
  readonly key: string;
  readonly word: string;
  readonly before: string | undefined;
  readonly times: number;
}

export interface AbilityPlan {
  readonly presses: readonly PressPlan[];
  readonly jobs: readonly JobPlan[];
  readonly calls: readonly CallPlan[];
}

/** What was sent, and the answers. */
export interface AbilityTally {
  /** Deliveries, including repeats. */
  presses: number;
  jobs: number;
  calls: number;
  /** API answers by key: the same each time. */
  readonly answers: Map<string, Set<string>>;
}

/** Fewer than the number of versions whose buttons are kept. */
const PRESSES_ON_ONE = 15;
const SENDERS = 4;
const CHOICES = ['no', 'yes'] as const;

/** What will be sent, determined by the seed alone: the given number of each. */
export function planAbilities(random: () => number, count: number): AbilityPlan {
  const times = (most: number): number => 1 + Math.floor(random() * most);
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
  return {
    presses: each((index) => ({
      account: `presser${index}`,
      ballot: `b${Math.floor(index / PRESSES_ON_ONE)}`,
      choice: random() < 0.5 ? 'no' : 'yes',
      times: times(3),
    })),
    jobs: each((index) => {
      const waits = index % 3 === 0;
      const cancelled = waits || index % 3 === 1;
      return { key: `j${index}x`, room: ROOMS[index % ROOMS.length] ?? 'r0', waits, cancelled, times: times(3) };
    }),
    calls: each((index) => {
      const isRepeat = index % 5 === 4;
      const word = `n${isRepeat ? index - SENDERS : index}x`;
      return { key: `call-${index}`, word, before: isRepeat ? `call-${index - SENDERS}` : undefined, times: times(4) };
    }),
  };
}

/** Sends everything, never a larger share than `progress`, while replicas are killed. */
export async function sendAbilities(
  setting: SoakSetting,
  plan: AbilityPlan,
  random: () => number,
  progress: () => number,
): Promise<AbilityTally> {
  const tally: AbilityTally = { presses: 0, jobs: 0, calls: 0, answers: new Map() };
  const sending: Sending = { setting, random, tally };
  await Promise.all([
    paced(plan.presses, progress, (press) => sendPress(sending, press)),
    paced(plan.jobs, progress, (job) => sendJob(sending, job)),
    paced(plan.calls, progress, (call) => sendCall(sending, call)),
  ]);
  return tally;
}

interface Sending {
  readonly setting: SoakSetting;
  readonly random: () => number;
  readonly tally: AbilityTally;
}

async function paced<T>(all: readonly T[], progress: () => number, send: (one: T) => Promise<void>): Promise<void> {
  const queue = all.entries();
  const sender = async (): Promise<void> => {
    for (const [index, one] of queue) {
      while (index / all.length > progress()) await sleep(50);
      await send(one);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

/** Sends it several times, to any replica. */
async function deliver({ setting, random }: Sending, post: Post, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    const { status, text } = await postUntilTaken(setting.replicas, post, random);
    if (status !== 200) throw new Error(`rejected with ${status}: ${text}`);
    await sleep(100 * random());
  }
}

async function sendPress(sending: Sending, { account, ballot, choice, times }: PressPlan): Promise<void> {
  const { lines } = sending.setting;
  const seen = async () =>
    (await lines.shown(KITCHEN)).find(({ text, mine }) => mine && text.startsWith(`Ballot ${ballot}:`));
  let shown = await seen();
  if (!shown) await lines.say(KITCHEN, 'ann', `ballot ${ballot}`);
  while (!shown) {
    await sleep(50);
    shown = await seen();
  }
  if (!shown.press) throw new Error(`ballot ${ballot} has no buttons`);
  const press = { ...shown.press, index: CHOICES.indexOf(choice) };
  const at = new Date().toISOString();
  const said: Said = { number: 0, id: randomUUID(), room: KITCHEN, by: account, text: '', at, press };
  const body = JSON.stringify(said);
  const headers = { [SIGNATURE_HEADER]: signatureOf(lines.token, body) };
  sending.tally.presses += times;
  await deliver(sending, { path: '/webhooks/lines/lines', headers, body }, times);
}

async function sendJob(sending: Sending, { key, room, waits, cancelled, times }: JobPlan): Promise<void> {
  const { setting, random, tally } = sending;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const post = (webhook: string): Post => {
    const body = JSON.stringify({ delivery: `${webhook} ${key}`, key, room, waits });
    return { path: `/webhooks/${webhook}/soak`, headers, body };
  };
  tally.jobs += times;
  await deliver(sending, post('jobs'), times);
  if (!cancelled) return;
  await until(setting.client, 'select 1 from probe_jobs where key = $1', key);
  await sleep(300 * random());
  tally.jobs += times;
  await deliver(sending, post('stops'), times);
}

async function until(client: pg.Pool, sql: string, key: string): Promise<void> {
  while ((await client.query(sql, [key])).rowCount === 0) await sleep(20);
}

/** A problem response of the API means retry; anything else is the answer. */
const notYet: Again = (status, type) => type.includes('problem') && (status === 409 || status >= 500);

async function sendCall(sending: Sending, call: CallPlan): Promise<void> {
  while (call.before !== undefined && !sending.tally.answers.has(call.before)) await sleep(50);
  await Promise.all(Array.from({ length: call.times }, () => sendOnce(sending, call)));
}

async function sendOnce({ setting, random, tally }: Sending, { key, word }: CallPlan): Promise<void> {
  const headers = { authorization: `Bearer ${API_TOKEN}`, 'idempotency-key': key };
  const body = JSON.stringify({ say: `note ${word}`, room: 'r0' });
  tally.calls++;
  const post = { path: '/api/v1/commands', headers, body };
  const { status, text } = await postUntilTaken(setting.replicas, post, random, notYet);
  const answers = tally.answers.get(key) ?? new Set();
  tally.answers.set(key, answers.add(`${status} ${text}`));
}

/** After the last kill each command is sent once more. */
export async function sayAgain(setting: SoakSetting, plan: AbilityPlan, tally: AbilityTally, random: () => number) {
  await paced(
    plan.calls,
    () => 1,
    (call) => sendOnce({ setting, random, tally }, call),
  );
}
