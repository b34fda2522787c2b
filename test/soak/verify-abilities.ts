import { readdir } from 'node:fs/promises';
import type { AbilityPlan, AbilityTally, CallPlan, JobPlan } from './abilities.ts';
import { KITCHEN, type SoakSetting } from './setting.ts';
import type { Verdict } from './verify.ts';

/** Results of the presses, tasks and commands over the API. */
export interface AbilityCounts {
  /** Presses whose answer was shown to the sender; and those whose answer was abandoned, because its outcome is unknown. */
  answered: number;
  givenUp: number;
  /** Tasks that ended as cancelled, and files of the others. */
  cancelled: number;
  files: number;
  /** Tasks with an unknown outcome, because their program died too often. */
  unknown: number;
}

/** The expected count is one. */
function count(what: string, times: number, { lost, doubled }: Verdict): void {
  if (times === 0) lost.push(what);
  if (times > 1) doubled.push(`${what}: ${times} times`);
}

/** Compares the second platform, the probe's tables and the rooms with the plan. */
export async function verifyAbilities(
  setting: SoakSetting,
  plan: AbilityPlan,
  tally: AbilityTally,
  verdict: Verdict,
): Promise<AbilityCounts> {
  const counts: AbilityCounts = { answered: 0, givenUp: 0, cancelled: 0, files: 0, unknown: 0 };
  await verifyPresses(setting, plan, counts, verdict);
  await verifyJobs(setting, plan.jobs, counts, verdict);
  await verifyCalls(setting, plan.calls, tally, verdict);
  return counts;
}

/** Each press is counted once, and answered to its sender: at most once, and only left unanswered if the outcome is unknown. */
async function verifyPresses(
  { client, lines }: SoakSetting,
  { presses }: AbilityPlan,
  counts: AbilityCounts,
  verdict: Verdict,
): Promise<void> {
  const { rows } = await client.query<{ account: string; ballot: string; choice: string }>(
    'select * from probe_presses',
  );
  const { rows: dropped } = await client.query<{ account: string }>(
    `select visible_to as account from messages where connector = 'lines' and visible_to is not null and state = 'dropped' and reason like '%cannot be repeated%'`,
  );
  const whispers = await lines.whispers();
  const shown = (await lines.shown(KITCHEN)).filter(({ mine }) => mine).map(({ text }) => text);
  for (const text of shown)
    if (!text.startsWith('Ballot ')) verdict.wrong.push(`everyone in the kitchen sees "${text}"`);
  for (const { account, ballot, choice } of presses) {
    const mine = rows.filter((row) => row.account === account);
    count(`press of ${account}`, mine.length, verdict);
    if (mine.some((row) => row.ballot !== ballot || row.choice !== choice))
      verdict.wrong.push(`${account} pressed ${choice} on ${ballot}, but the count is ${JSON.stringify(mine)}`);
    const answers = whispers.filter(({ only }) => only === account);
    for (const { text, room } of answers)
      if (text !== `counted ${account}` || room !== KITCHEN) verdict.wrong.push(`${account} was told "${text}"`);
    if (answers.length > 0) counts.answered++;
    else if (dropped.some((row) => row.account === account)) counts.givenUp++;
    if (answers.length > 0 || !dropped.some((row) => row.account === account))
      count(`answer to the press of ${account}`, answers.length, verdict);
  }
  for (const ballot of new Set(presses.map((press) => press.ballot))) {
    const said = (choice: string): number =>
      presses.filter((press) => press.ballot === ballot && press.choice === choice).length;
    const right = `Ballot ${ballot}: ${said('no')} no, ${said('yes')} yes`;
    const own = shown.filter((text) => text.startsWith(`Ballot ${ballot}:`));
    count(`ballot ${ballot}`, own.length, verdict);
    if (own[0] === right) continue;
    const { rows: wanted } = await client.query(
      `select content, version, delivered_version, sends, state, pending, attempt, copies from messages where skill = 'probe' and key = $1`,
      [`ballot:${ballot}`],
    );
    verdict.wrong.push(`shown: "${own[0] ?? ''}", expected: "${right}"; the bot has ${JSON.stringify(wanted)}`);
  }
}

interface End {
  readonly task: string;
  readonly key: string;
  readonly outcome: 'made' | 'found' | 'cancelled' | 'unknown' | 'failed';
  readonly attempt: number | null;
  readonly reason: string | null;
  /** Its reports in the order in which they were handled, `ATTEMPT.STEP`, and those among them after its end. */
  readonly reports: readonly string[];
  readonly late: number;
}

/** Each task starts once and reports its actual outcome once, after its progress reports. */
async function verifyJobs(
  setting: SoakSetting,
  jobs: readonly JobPlan[],
  counts: AbilityCounts,
  verdict: Verdict,
): Promise<void> {
  const { rows: started } = await setting.client.query<{ key: string }>('select key from probe_jobs');
  const { rows: ends } = await setting.client.query<End>(
    `select e.*, array(select r.attempt || '.' || r.step from probe_reports r where r.task = e.task order by r.nth) as reports from probe_ends e`,
  );
  const outbox = new Set(await readdir(setting.outbox));
  const told = await toldOfJobs(setting);
  for (const job of jobs) {
    const { key } = job;
    count(`start of job ${key}`, started.filter((row) => row.key === key).length, verdict);
    const own = ends.filter((row) => row.key === key);
    count(`end of job ${key}`, own.length, verdict);
    const [end] = own;
    if (!end) continue;
    checkOutcome(job, end, outbox.has(end.task), verdict);
    count(`result of job ${key}`, told.get(`job ${key} ${end.outcome}`)?.length ?? 0, verdict);
    const files = told.get(`${key}.txt`) ?? [];
    if (outbox.has(end.task) && (end.outcome !== 'unknown' || files.length > 1))
      count(`file of job ${key}`, files.length, verdict);
    if (files.some(({ room, bytes }) => bytes !== `what ${key} has made` || room !== job.room))
      verdict.wrong.push(`file of job ${key}: ${JSON.stringify(files)}`);
    counts.files += files.length;
    if (end.outcome === 'cancelled') counts.cancelled++;
    if (end.outcome === 'unknown') counts.unknown++;
  }
}

function checkOutcome(job: JobPlan, end: End, isDone: boolean, { lost, doubled, wrong }: Verdict): void {
  const { key, outcome, reports, attempt, reason } = end;
  const says = `job ${key} ended as ${outcome} (${reason ?? 'ok'})`;
  if (outcome === 'failed') wrong.push(says);
  if (outcome === 'cancelled' && (isDone || !job.cancelled))
    wrong.push(`${says}; it was ${isDone ? 'done' : 'not done'}, and ${job.cancelled ? '' : 'never '}cancelled`);
  if ((outcome === 'made' || outcome === 'found') && (!isDone || job.waits)) wrong.push(`${says}; it was not done`);
  if (outcome === 'unknown' && !/crashed \d+ times/.test(reason ?? '')) wrong.push(says);
  if (new Set(reports).size < reports.length) doubled.push(`reports of job ${key}: ${reports.join(' ')}`);
  // Unhandled reports are replaced by the newest, so the last one is always received.
  if (outcome === 'made' && reports.at(-1) !== `${attempt ?? 0}.3`)
    lost.push(`the last report of job ${key}: ${reports.join(' ')}`);
}

/** Messages in rooms, by text; files with their bytes. */
async function toldOfJobs({ homeserver, rooms }: SoakSetting) {
  const told = new Map<string, { room: string; bytes: string | undefined }[]>();
  for (const [room, id] of rooms)
    for (const { type, content } of await homeserver.timeline(id)) {
      if (type !== 'm.room.message' || typeof content !== 'object' || content === null) continue;
      const { body, url } = content as { readonly body?: string; readonly url?: string };
      if (body === undefined) continue;
      const bytes = url === undefined ? undefined : await homeserver.mediaText(url);
      told.set(body, [...(told.get(body) ?? []), { room, bytes }]);
    }
  return told;
}

/** Each command has one effect, and one answer however often it was sent. */
async function verifyCalls(
  { client }: SoakSetting,
  calls: readonly CallPlan[],
  { answers }: AbilityTally,
  verdict: Verdict,
): Promise<void> {
  const { rows } = await client.query<{ word: string; nth: number }>('select word, nth from probe_notes');
  for (const { key, word, before } of calls) {
    const own = rows.filter((row) => row.word === word);
    if (before === undefined) count(`effect of ${key}`, own.length, verdict);
    const given = [...(answers.get(key) ?? [])];
    count(`answer to ${key}`, given.length, verdict);
    const wanted = before === undefined ? `200 ok noted as` : `409 wrong noted before as`;
    const words = readAnswer(given[0] ?? '');
    if (words !== `${wanted} ${own[0]?.nth ?? 0}`) verdict.wrong.push(`answer to ${key}: ${words}`);
  }
}

function readAnswer(given: string): string {
  const status = given.slice(0, 3);
  const { outcome, message } = JSON.parse(given.slice(4)) as { outcome?: string; message?: { text?: string } | null };
  return `${status} ${outcome ?? ''} ${message?.text ?? ''}`;
}
