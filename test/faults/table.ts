import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';
import { SCENARIOS, type Cell, type Scenario } from './scenarios.ts';
import { faultSkill } from './fault-skill.ts';
import type { Fault, FaultyPlatform, Outcome } from './faults.ts';

/** The bot's clock advances 5 s every 40 ms, so a wait of half a minute takes about a quarter of a second. */
const STEP_MS = 5000;
const EVERY_MS = 40;
/** How long a request may wait for a response, in real time. */
const LONGEST_REQUEST_MS = 700;
/** A test that waits longer has failed. */
const WITHIN_MS = 10_000;
/** Armed for only one request: they take real time, or cause no second request. */
const ONCE: readonly Fault[] = ['hang', 'rejected', 'gone'];

/** One method of the platform, and what makes the bot call it. */
export interface Call {
  readonly call: string;
  readonly scenario: keyof typeof SCENARIOS;
  /** Faults that cannot happen to this call; the text completes "it cannot …". */
  readonly cannot?: Partial<Record<Fault, string>>;
  /** Where the outcome is not the usual one. */
  readonly outcomes?: Partial<Record<Fault, Outcome>>;
  /** Faults that delay only requests of this kind, so that what follows may be shown first. */
  readonly unordered?: readonly Fault[];
  /** How many requests meet the fault: 1 if the bot makes no second one. */
  readonly times?: Partial<Record<Fault, 1>>;
}

/** Declares a skipped test, for a fault that a platform cannot have. */
export function skipped(why: string): void {
  test.skip(`SKIPPED: ${why}`, () => {});
}

/** A bot on the platform, whose ops room and failover room are on another. */
export class Table {
  readonly #bot: TestBot;
  readonly #platform: FaultyPlatform;

  private constructor(bot: TestBot, platform: FaultyPlatform) {
    this.#bot = bot;
    this.#platform = platform;
  }

  static async start(create: (now: () => number) => Promise<FaultyPlatform>): Promise<Table> {
    let bot: TestBot | undefined;
    const platform = await create(() => bot?.app.clock.now().getTime() ?? Date.now());
    const { type, options, room, secrets } = platform;
    bot = await startTestBot({
      skills: [faultSkill],
      secrets,
      platforms: platform.platform ? [platform.platform] : [],
      longestRequestMs: LONGEST_REQUEST_MS,
      config: {
        connectors: { memory: {}, [type]: { ...options, opsRoom: 'ops' } },
        rooms: {
          lobby: { in: { memory: 'lobby' } },
          ops: { in: { memory: 'ops' } },
          spare: { in: { memory: 'spare' } },
          place: { in: { [type]: room }, failover: 'spare' },
        },
      },
    });
    const table = new Table(bot, platform);
    await table.#until('connected', async () => {
      const rows = await table.#bot.query('select 1 from cursors where connector = $1', [type]);
      return rows.length > 0;
    });
    return table;
  }

  async stop(): Promise<void> {
    await this.#bot.stop();
    await this.#platform.close();
  }

  async run(one: Call, fault: Fault, outcome: Outcome, key: string): Promise<void> {
    const scenario: Scenario = SCENARIOS[one.scenario];
    const passing = setInterval(() => this.#bot.pass(STEP_MS), EVERY_MS);
    try {
      await this.#bot.query('delete from notices');
      const before = await this.#seen(key, scenario);
      await this.#perform(one, fault, outcome, key);
      const after = await this.#seen(key, scenario);
      const isNew = (all: readonly string[], known: readonly string[]): string[] => all.slice(known.length);
      const isUnordered = scenario.isUnordered === true || one.unordered?.includes(fault) === true;
      const inOrder = (texts: readonly unknown[]): readonly unknown[] =>
        isUnordered ? texts.map(String).toSorted() : texts;
      const wanted = expected(one, fault, outcome, key);
      expect({
        room: inOrder(isNew(after.room, before.room)),
        there: after.there,
        spare: isNew(after.spare, before.spare),
        ops: isNew(after.ops, before.ops),
        dead: after.dead,
      }).toEqual({ ...wanted, room: inOrder(wanted.room) });
    } finally {
      this.#platform.disarm();
      clearInterval(passing);
    }
  }

  async #perform(one: Call, fault: Fault, outcome: Outcome, key: string): Promise<void> {
    const [bot, platform] = [this.#bot, this.#platform];
    const scenario: Scenario = SCENARIOS[one.scenario];
    const isLockedOut = fault === 'unauthorised';
    const reportsBefore = bot.texts('ops').length;
    const say = (words: string): void => bot.begin(words);
    const cell: Cell = {
      ...{ bot, platform, key, say },
      account: platform.account(key),
      quiet: () => this.#quiet(),
      failed: () => this.#until('a request meets the fault', () => platform.met > met),
      lockedOut: () => this.#until('the ops room is notified', () => bot.texts('ops').length > reportsBefore),
    };
    const follow = scenario.follow ?? (({ say }: Cell, text: string): void => say(`show ${text} ${text}`));
    const answered = async (text: string): Promise<void> => {
      if (scenario.isSentOnPlatform)
        await this.#until(`${text} is answered`, () => platform.shown(platform.room).includes(text));
    };
    // Ends a rate limit from the previous test.
    bot.pass(60_000);
    await scenario.prepare?.(cell);
    const { met } = platform;
    const isPersistent = isLockedOut || (scenario.isTask === true && outcome === 'dead');
    const times = one.times?.[fault] ?? (ONCE.includes(fault) ? 1 : 2);
    platform.arm(fault, one.call, isPersistent ? Number.POSITIVE_INFINITY : times);
    await scenario.act(cell);
    if (!scenario.isTask) follow(cell, `behind-${key}`);
    if (isLockedOut) {
      await cell.failed();
      if (!scenario.isTask) await cell.lockedOut();
      platform.disarm();
    }
    if (!isPersistent) await this.#until('all faults are met', () => platform.armed === 0);
    await answered(`behind-${key}`);
    await this.#quiet();
    platform.disarm();
    follow(cell, `after-${key}`);
    await answered(`after-${key}`);
    await this.#quiet();
  }

  /** What people and operators see now; `there`: in the conversation that the message was sent to. */
  async #seen(key: string, { conversation }: Scenario): Promise<Seen> {
    const [bot, platform] = [this.#bot, this.#platform];
    const [found] = await bot.query<{ room: string }>(
      conversation === 'direct'
        ? `select d.room from direct_rooms d join messages m on m.room = 'direct:' || d.account where m.key = $1`
        : `select room from messages where key = $1`,
      [key],
    );
    const dead = await bot.query<{ key: string }>(
      `select key from messages where state <> 'live' and (key = $1 or key like '%-' || $1)`,
      [key],
    );
    return {
      room: platform.shown(platform.room),
      there: conversation && found && found.room !== platform.room ? platform.shown(found.room) : [],
      // Not what it got only while a token was rejected for long.
      spare: bot.texts('spare').filter((text) => !text.endsWith('_now shown in place_')),
      ops: bot.texts('ops'),
      dead: dead.map((row) => row.key),
    };
  }

  #quiet(): Promise<void> {
    return this.#until('nothing is left to do', async () => {
      const [left] = await this.#bot.query<{ busy: boolean }>(
        `select exists (select 1 from events where state = 'new') or exists (select 1 from messages where pending or react)
           or exists (select 1 from tasks where state <> 'done')
           or exists (select 1 from cursors where connector = 'memory' and cursor::int < $1) as busy`,
        [this.#bot.platform.stream.length],
      );
      return left?.busy === false;
    });
  }

  async #until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(condition, WITHIN_MS).catch((error: unknown) => {
      throw new Error(`not within ${WITHIN_MS / 1000} s: ${what}`, { cause: error });
    });
  }
}

interface Seen {
  readonly room: readonly string[];
  readonly there: readonly string[];
  readonly spare: readonly string[];
  readonly ops: readonly string[];
  readonly dead: readonly string[];
}

/** Exactly what must be new. */
function expected(
  one: Call,
  fault: Fault,
  outcome: Outcome,
  key: string,
): Readonly<Record<keyof Seen, readonly unknown[]>> {
  const scenario: Scenario = SCENARIOS[one.scenario];
  const isDead = outcome === 'dead' && !scenario.isTask;
  const isLockedOut = scenario.isLockedOut === true || (fault === 'unauthorised' && !scenario.isTask);
  const shown = scenario.room?.(key, outcome) ?? [];
  const there = scenario.there?.(key, outcome) ?? (scenario.conversation && outcome === 'shown' ? [key] : []);
  const lost = scenario.lost?.(key) ?? (scenario.conversation ? [] : [expect.stringContaining(key)]);
  const reports = [
    ...(isLockedOut ? [expect.stringContaining('Messages are kept until it works again')] : []),
    ...(isDead
      ? [expect.stringMatching(scenario.isDeletion ? /^I cannot delete a message in / : /^I cannot post in /)]
      : []),
  ];
  return {
    room: [...shown, ...(scenario.isTask ? [] : [`behind-${key}`]), `after-${key}`],
    there,
    spare: isDead ? lost : [],
    ops: reports,
    dead: isDead ? [key] : [],
  };
}
