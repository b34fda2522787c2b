// `npm run soak:countdown [-- --kills 60 --counts 100 --seed 7 --log FILE]`: counts in many rooms while replicas are killed.
// Then each room is checked: every number at most once, in order and on its second, every gap announced once, and an end.
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { seeded } from '../fakes/matrix/faults.ts';
import type { ShownMessage } from '../fakes/matrix/types.ts';
import { ANN, createSoakSetting, type SoakSetting } from './setting.ts';
import { listening, settle } from './verify.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '60' },
    counts: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    log: { type: 'string' },
  },
});
const [kills, counts, seed] = [Number(values.kills), Number(values.counts), Number(values.seed)];
/** Kills come in bursts, so that some hit starting replicas; between bursts another replica has time to take over. */
const CALM_MS = { least: 2000, most: 5000 };
const BURST = 5;
const IN_BURST_MS = 600;
/** About as long as the kills last. */
const [SHORTEST, LONGEST] = [20, Math.max(40, Math.round(kills * 1.2))];
/** Each replica follows the database's clock to within half a round trip, about ten milliseconds on a busy machine. */
const EARLY_MS = 50;
/**
 * A number whose request got no answer is sent again by the next replica, however late; every other request starts
 * within its second. The machine may stall during a request, but not longer than the next number is worth sending,
 * which follows it here: that is, until just before the second of the number after that.
 */
const LATE_MS = 1900 + EARLY_MS;

/** Numbers of one room that can be frozen at the same time, or by several replicas that each die at once. */
const MOST_DIED_OVER = 2;

interface Plan {
  readonly room: string;
  readonly length: number;
  readonly down: boolean;
}

console.log(
  `countdown soak with seed ${seed}: npm run soak:countdown -- --seed ${seed} --kills ${kills} --counts ${counts}`,
);
const begun = performance.now();
const random = seeded(seed);
const plans = Array.from({ length: counts }, (_, index): Plan => ({
  room: `c${index}`,
  length: SHORTEST + Math.floor(random() * (LONGEST - SHORTEST)),
  down: random() < 0.3,
}));
const setting = await createSoakSetting(
  values.log,
  plans.map(({ room }) => room),
);
const wrong: string[] = [];
let numbers = 0;
let words = 0;
let ended = 0;
try {
  await Promise.all(setting.replicas.map((replica) => replica.start()));
  await listening(setting.database.url, ['matrix']);
  // Responses are lost and syncs are repeated, so that requests are repeated under their keys.
  await setting.homeserver.chance({ seed, odds: { errorAfter: 0.005, dropAfter: 0.005 } });
  await setting.homeserver.chance({ seed: seed + 1, odds: { redeliver: 0.03 }, on: ['sync'] });
  for (const { room, length, down } of plans) {
    await setting.homeserver.say('ann', setting.rooms.get(room) ?? '', `!count ${down ? 'down from' : 'to'} ${length}`);
    if (room === 'c50') await setting.replicas[0]?.kill();
  }
  const killing = kill(setting);
  await handled(setting.database.url);
  await killing;
  await setting.homeserver.clearFaults();
  await over(setting.database.url);
  const left = await settle(setting.database.url, 60_000);
  if (left !== undefined) wrong.push(left);
  const began = await begins(setting.database.url);
  for (const plan of plans) {
    const id = setting.rooms.get(plan.room) ?? '';
    const shown = (await setting.homeserver.shown(id)).filter((message) => message.sender !== ANN);
    // The bot knows rooms by the alias in its configuration.
    const startedAt = began.get(`#${plan.room}:fake.test`);
    if (startedAt === undefined) wrong.push(`${plan.room}: the command was not handled`);
    else for (const problem of read(plan, startedAt, shown)) wrong.push(`${plan.room}: ${problem}`);
  }
  for (const replica of setting.replicas) wrong.push(...replica.failures);
} finally {
  await setting.close();
}
for (const line of wrong.slice(0, 40)) console.log(`wrong: ${line}`);
const seconds = Math.round((performance.now() - begun) / 1000);
console.log(
  `${counts} counts under ${kills} kills in ${seconds} s: ${numbers} numbers shown, "back at" posted ${words} times, ${ended} ended while away; ${wrong.length} wrong`,
);
console.log(wrong.length > 0 ? '0 passed, 1 failed' : '1 passed, 0 failed');
process.exit(wrong.length > 0 ? 1 : 0);

/** SIGKILL at random moments, to one replica, the other, or both; dead ones are restarted. */
async function kill({ replicas }: SoakSetting): Promise<void> {
  const deaths = (): number => replicas.reduce((sum, replica) => sum + replica.deaths, 0);
  const revive = (): void => replicas.forEach((replica) => void (replica.isAlive ? undefined : replica.start()));
  while (deaths() < kills) {
    revive();
    await sleep(CALM_MS.least + random() * (CALM_MS.most - CALM_MS.least));
    for (let left = 1 + Math.floor(random() * BURST); left > 0; left--) {
      await replicas[Math.floor(random() * replicas.length)]?.kill();
      if (random() < 0.7) revive();
      await sleep(random() * IN_BURST_MS);
    }
  }
  revive();
}

/** Resolves when every command has been handled. */
async function handled(databaseUrl: string): Promise<void> {
  for (const end = performance.now() + 120_000; (await begins(databaseUrl)).size < counts; await sleep(500))
    if (performance.now() > end) return;
}

/** Resolves when no count is running any more. */
async function over(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const end = performance.now() + (LONGEST + 30) * 1000; performance.now() < end; await sleep(500))
      if ((await client.query('select 1 from countdowns')).rowCount === 0) return;
    wrong.push('counts are still running after their end time');
  } finally {
    await client.end();
  }
}

/** When each room's command was handled: number k is due k seconds later. */
async function begins(databaseUrl: string): Promise<Map<string, number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ room: string; at: Date }>(
      `select room, at from audit where skill = 'countdown' and result = 'ok'`,
    );
    if (new Set(rows.map((row) => row.room)).size !== rows.length) wrong.push('a command was handled twice');
    return new Map(rows.map((row) => [row.room, row.at.getTime()]));
  } finally {
    await client.end();
  }
}

/** Errors in a room. */
function read({ length, down }: Plan, startedAt: number, shown: readonly ShownMessage[]): string[] {
  const problems: string[] = [];
  let last = 0;
  /** Numbers are missing, and the gap is not announced yet. */
  let unsaid = false;
  let isOver = false;
  /** Late numbers, up to the last one. */
  const overdue: string[] = [];
  for (const [index, { text, at }] of shown.entries()) {
    if (isOver) problems.push(`"${text}" after its end`);
    const [, word, digits] = /^(…back at )?(\d+)$/.exec(text) ?? [];
    if (digits === undefined) {
      if (!text.endsWith('; I was offline.')) problems.push(`"${text}" was not expected`);
      isOver = true;
      unsaid = false;
      ended++;
      continue;
    }
    const k = down ? length + 1 - Number(digits) : Number(digits);
    numbers++;
    if (k <= last) problems.push(`${digits} comes after ${last} of them: repeated, or out of order`);
    if (k > last + 1) unsaid = true;
    if (word !== undefined) {
      words++;
      if (!unsaid) problems.push(`"${text}", and nothing was missing`);
      unsaid = false;
    }
    const lateMs = at - startedAt - k * 1000;
    if (lateMs > LATE_MS) overdue.push(`${digits} was ${Math.round(lateMs)} ms late`);
    // The bot died while sending the last ones before a gap or before the end: each was frozen, and may have been sent.
    const next = shown[index + 1]?.text ?? '';
    const goesOn = /^\d+$/.test(next) && Math.abs(Number(next) - Number(digits)) <= 1;
    if (!goesOn && lateMs > LATE_MS) overdue.splice(-MOST_DIED_OVER);
    if (!goesOn || lateMs <= LATE_MS) problems.push(...overdue.splice(0));
    if (lateMs < -EARLY_MS) problems.push(`${digits} was ${Math.round(-lateMs)} ms early`);
    last = k;
  }
  if (last === length) isOver = true;
  else if (!isOver) problems.push(`it has no end; its last number is the ${last}th of ${length}`);
  if (unsaid && last === length) problems.push('numbers are missing and the gap was not announced');
  return problems;
}
