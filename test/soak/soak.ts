import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Query } from '../../src/db/database.ts';
import { CHAT } from '../../src/events/event.ts';
import { listFailed, replayFailed } from '../../src/events/failed.ts';
import { CRASH_POINTS, type CrashPoint } from '../../src/crash-points.ts';
import type { ProgramProcess } from '../harness/process.ts';
import { seeded } from '../fakes/matrix/faults.ts';
import { planAbilities, sayAgain, sendAbilities, type AbilityTally } from './abilities.ts';
import { planLoad, sendLoad, tapAll, type LoadPlan } from './load.ts';
import { ANN, ROOMS, createSoakSetting, type SoakSetting } from './setting.ts';
import { handledTogether, listening, settle, verify, type Verdict } from './verify.ts';
import { verifyAbilities, type AbilityCounts } from './verify-abilities.ts';

export interface SoakOptions {
  readonly seed: number;
  /** Minimum number of SIGKILLs, at named steps and at random. */
  readonly kills: number;
  readonly webhooks: number;
  readonly commands: number;
  readonly logFile?: string;
  readonly say: (line: string) => void;
}

export interface SoakResult extends Verdict {
  readonly kills: number;
  readonly freezes: number;
  readonly steps: ReadonlyMap<string, number>;
  readonly webhooks: number;
  readonly commands: number;
  readonly taps: number;
  readonly repeats: number;
  /** Webhook calls that shared a transaction with others. */
  readonly together: number;
  /** Number of presses on the second platform, of tasks, and of commands over the API. */
  readonly each: number;
  readonly tally: AbilityTally;
  readonly counts: AbilityCounts;
  readonly seconds: number;
}

/** The complete soak test: load, faults and kills at once, then quiet, then counting; finally the same device on an empty database. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const began = Date.now();
  const random = seeded(options.seed);
  const setting = await createSoakSetting(options.logFile);
  const { say } = options;
  try {
    await Promise.all(setting.replicas.map((replica) => replica.start()));
    await listening(setting.database.url, ['matrix', 'lines']);
    await beginFaults(setting, options.seed);
    const each = Math.ceil(options.commands / 2);
    const abilities = planAbilities(seeded(options.seed + 4), each);
    const plan = planLoad(random, options.webhooks, options.commands);
    let over = false;
    let loadDone = false;
    const killing = killReplicas(setting, options, random, () => loadDone);
    const throttling = throttle(setting, () => loadDone);
    const tapping = tapAll(setting, plan, () => over);
    const progress = (): number => deathsOf(setting) / options.kills;
    const [{ repeats }, tally] = await Promise.all([
      sendLoad(setting, plan, random, progress),
      sendAbilities(setting, abilities, seeded(options.seed + 5), progress),
    ]);
    loadDone = true;
    const { kills, freezes, steps } = await killing;
    await throttling;
    await dieWithTask(setting, plan);
    say(
      `${kills} kills and ${freezes} freezes done; ${plan.webhooks} webhooks were accepted after ${repeats} repeats; settling`,
    );
    await Promise.all([setting.homeserver.clearFaults(), setting.lines.clearFaults()]);
    await sayAgain(setting, abilities, tally, random);
    const taps = await Promise.race([tapping, sleep(60_000).then(() => -1)]);
    over = true;
    const first = await settle(setting.database.url, 180_000);
    const replayed = await replaySetAside(setting.client);
    const left = first ?? (replayed.all > 0 ? await settle(setting.database.url, 60_000) : undefined);
    if (replayed.all > 0) say(`${replayed.all} events were quarantined, and are replayed`);
    const verdict = await verify(setting, plan, setting.database.url, replayed.told);
    const counts = await verifyAbilities(setting, abilities, tally, verdict);
    if (left !== undefined) verdict.wrong.push(left);
    const together = await handledTogether(setting.database.url);
    for (const replica of setting.replicas) verdict.wrong.push(...replica.failures);
    const booms = plan.commands.filter((command) => command.verb === 'boom').length;
    await emptied(setting, verdict, booms + replayed.told, say);
    return {
      ...verdict,
      kills,
      freezes,
      steps,
      webhooks: plan.webhooks,
      commands: plan.commands.length,
      taps,
      repeats,
      ...{ together, each, tally, counts },
      seconds: Math.round((Date.now() - began) / 1000),
    };
  } finally {
    await setting.close();
  }
}

async function beginFaults({ homeserver, lines }: SoakSetting, seed: number): Promise<void> {
  const retryAfterMs = 300;
  const odds = { limited: 0.02, error: 0.02, errorAfter: 0.02, drop: 0.01, dropAfter: 0.02, hangAfter: 0.003 };
  await homeserver.chance({ seed, odds, retryAfterMs });
  await homeserver.chance({
    seed: seed + 1,
    odds: { error: 0.02, drop: 0.02, gap: 0.01, redeliver: 0.02 },
    on: ['sync'],
  });
  const uploading = { limited: 0.05, error: 0.05, errorAfter: 0.05, drop: 0.05, dropAfter: 0.05 };
  await homeserver.chance({ seed: seed + 2, odds: uploading, on: ['upload'], retryAfterMs });
  await lines.chance(seed + 3, { slow: 0.02, lose: 0.05, cut: 0.02, hang: 0.003 });
}

/** An operator replays the events that were quarantined because the program died each time; for chat, the sender was told. */
async function replaySetAside(client: pg.Pool): Promise<{ all: number; told: number }> {
  const query: Query = async (text, parameters) => (await client.query(text, parameters && [...parameters])).rows;
  const failed = await listFailed(query, 1000);
  const setAside = failed.filter(({ message }) => /died \d+ times/.test(message ?? ''));
  await replayFailed(
    query,
    setAside.map(({ id }) => id),
  );
  return { all: setAside.length, told: setAside.filter(({ kind }) => CHAT.includes(kind)).length };
}

/** The last kill hits a replica with a task: the task shows no activity until its replica counts as dead. */
async function dieWithTask({ replicas, homeserver, rooms }: SoakSetting, plan: LoadPlan): Promise<void> {
  const last = { verb: 'work', word: 'lastx', room: ROOMS[0] ?? '' } as const;
  plan.commands.push(last);
  for (const replica of replicas) replica.order({ crashAt: { crashPoint: 'task.after-claim', nth: 1 } });
  await homeserver.say(ANN, rooms.get(last.room) ?? '', `!${last.verb} ${last.word}`);
  await Promise.race(replicas.map((replica) => replica.gone()));
  await Promise.all(replicas.filter((replica) => !replica.isAlive).map((replica) => replica.start()));
}

/** From time to time the homeserver rate-limits almost everything, so that messages pile up and are combined. */
async function throttle(setting: SoakSetting, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    for (let waited = 0; waited < 150 && !isOver(); waited++) await sleep(100);
    await setting.homeserver.setRate({ perSecond: 2, burst: 3 });
    await sleep(isOver() ? 0 : 8000);
    await setting.homeserver.setRate(null);
  }
}

const deathsOf = ({ replicas }: SoakSetting): number => replicas.reduce((sum, replica) => sum + replica.deaths, 0);

/** Kills replicas until there were enough kills, with at least one at each named step while the load lasts. */
async function killReplicas(setting: SoakSetting, options: SoakOptions, random: () => number, loadDone: () => boolean) {
  const steps = new Map<CrashPoint, number>();
  const { replicas } = setting;
  let freezes = 0;
  let extra = 0;
  const kills = (): number => deathsOf(setting);
  const ready = async (replica: ProgramProcess): Promise<void> => {
    for (let tries = 0; tries < 100 && !replica.isReady; tries++) await sleep(50);
  };
  for (
    let turn = 0;
    kills() < options.kills || (!loadDone() && steps.size < CRASH_POINTS.length && extra++ < CRASH_POINTS.length * 4);
    turn++
  ) {
    const replica = replicas[Math.floor(random() * 2)];
    if (!replica) break;
    const way = random();
    if (way < 0.03 && !loadDone()) {
      // Longer than its lease: another replica takes over, and this one must not send anything when it continues.
      replica.freeze();
      await sleep(6000);
      replica.thaw();
      freezes++;
    } else if (way < 0.8 && !loadDone()) {
      // A starting replica passes no step; the random kills cover startup.
      await Promise.all(replicas.map(ready));
      // A rarely passed step must not block the others.
      const unseen = turn % 3 === 0 ? CRASH_POINTS.filter((one) => !steps.has(one)) : [];
      const among = unseen.length > 0 ? unseen : CRASH_POINTS;
      const crashPoint = among[Math.floor(random() * among.length)] ?? 'accept.after-commit';
      const before = kills();
      for (const one of replicas) one.order({ crashAt: { crashPoint, nth: 1 + Math.floor(random() * 2) } });
      await Promise.race([...replicas.map((one) => one.gone()), sleep(3000)]);
      if (kills() > before) steps.set(crashPoint, (steps.get(crashPoint) ?? 0) + 1);
      else await replica.kill();
    } else {
      await sleep(random() * 400);
      await replica.kill();
    }
    if (turn % 20 === 19)
      options.say(`${kills()} of ${options.kills} kills, ${steps.size} of ${CRASH_POINTS.length} steps`);
    // Sometimes the other replica runs alone for a while, sometimes none is running.
    await sleep(random() < 0.1 ? 1000 : 50);
    for (const one of replicas) if (!one.isAlive) void one.start();
    if (random() < 0.5) await ready(replica);
  }
  for (const replica of replicas) if (!replica.isAlive) await replica.start();
  return { kills: kills(), freezes, steps };
}

/** The same Matrix device on an emptied database: new messages must not be mistaken for old ones. */
async function emptied(
  setting: SoakSetting,
  verdict: Verdict,
  failuresBefore: number,
  say: (line: string) => void,
): Promise<void> {
  for (const replica of setting.replicas) await replica.kill();
  const fresh = await setting.emptyDatabase();
  await Promise.all(setting.replicas.map((replica) => replica.start()));
  const plan: LoadPlan = planLoad(seeded(7), 40, 20);
  const renamed: LoadPlan = {
    ...plan,
    alerts: plan.alerts.map((alert, index) => {
      const name = `After${index}`;
      return {
        ...alert,
        name,
        tap: false,
        posts: alert.posts.map((post) => ({
          ...post,
          body: post.body
            .replaceAll(alert.name, name)
            .replace(/"fingerprint":"[0-9a-f]+"/, `"fingerprint":"${Buffer.from(name).toString('hex')}"`),
        })),
      };
    }),
    commands: plan.commands.map((command, index) => ({ ...command, word: `after${index}` })),
  };
  await listening(fresh.url, ['matrix', 'lines']);
  await sendLoad(setting, renamed, seeded(8), () => 1);
  const left = await settle(fresh.url, 60_000);
  const second = await verify(setting, renamed, fresh.url, failuresBefore);
  say('the same device on an emptied database: counted');
  for (const kind of ['lost', 'doubled', 'wrong'] as const)
    verdict[kind].push(...second[kind].map((line) => `emptied database: ${line}`));
  if (left !== undefined) verdict.wrong.push(`emptied database: ${left}`);
}
