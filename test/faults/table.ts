import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { until } from '../harness/until.ts';
import { DEEDS, type Cell, type Deed } from './deeds.ts';
import { faultSkill } from './fault-skill.ts';
import type { Fault, FaultyPlatform, Outcome } from './faults.ts';

/** What waits for half a minute by the bot's clock takes about half a second. */
const STEP_MS = 5000;
const EVERY_MS = 40;
/** A request that gets no response is given up after this, in real time. */
const LONGEST_REQUEST_MS = 700;
/** A test that waits longer has failed. */
const WITHIN_MS = 10_000;
/** Not twice, because it takes real time, or because no second request is made. */
const ONCE: readonly Fault[] = ['hang', 'rejected', 'gone'];

/** One method of the platform, and what makes the bot call it. */
export interface Call {
  readonly call: string;
  readonly deed: keyof typeof DEEDS;
  /** Faults that this call cannot have; the words end the sentence "it cannot …". */
  readonly cannot?: Partial<Record<Fault, string>>;
  /** Where it is not the outcome of `usual`. */
  readonly outcomes?: Partial<Record<Fault, Outcome>>;
  /** Faults that delay only requests of this kind, so that what follows may be shown first. */
  readonly unordered?: readonly Fault[];
  /** Requests that meet a fault, one after another, where the bot makes no second one. */
  readonly times?: Partial<Record<Fault, 1>>;
}

/** A cell that a platform does not have. */
export function skipped(why: string): void {
  test.skip(`SKIPPED: ${why}`, () => {});
}

/** A bot on the platform, with its ops room and the failover of the room elsewhere. */
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
    const deed: Deed = DEEDS[one.deed];
    const passing = setInterval(() => this.#bot.pass(STEP_MS), EVERY_MS);
    try {
      await this.#bot.query('delete from notices');
      const before = await this.#seen(key, deed);
      await this.#perform(one, fault, outcome, key);
      const after = await this.#seen(key, deed);
      const isNew = (all: readonly string[], known: readonly string[]): string[] => all.slice(known.length);
      const isUnordered = deed.isUnordered === true || one.unordered?.includes(fault) === true;
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
    const deed: Deed = DEEDS[one.deed];
    const isLockedOut = fault === 'unauthorised';
    const told = bot.texts('ops').length;
    const say = (words: string): void => bot.begin(words);
    const cell: Cell = {
      ...{ bot, platform, key, say },
      account: platform.account(key),
      quiet: () => this.#quiet(),
      failed: () => this.#until('a request meets the fault', () => platform.met > met),
      lockedOut: () => this.#until('the ops room is told', () => bot.texts('ops').length > told),
    };
    const follow = deed.follow ?? (({ say }: Cell, text: string): void => say(`show ${text} ${text}`));
    const heard = async (text: string): Promise<void> => {
      if (deed.isHeard) await this.#until(`${text} is answered`, () => platform.shown(platform.room).includes(text));
    };
    // A rate limit of the test before is over.
    bot.pass(60_000);
    await deed.prepare?.(cell);
    const { met } = platform;
    const isLasting = isLockedOut || (deed.isTask === true && outcome === 'dead');
    const times = one.times?.[fault] ?? (ONCE.includes(fault) ? 1 : 2);
    platform.arm(fault, one.call, isLasting ? Number.POSITIVE_INFINITY : times);
    await deed.act(cell);
    if (!deed.isTask) follow(cell, `behind-${key}`);
    if (isLockedOut) {
      await cell.failed();
      if (!deed.isTask) await cell.lockedOut();
      platform.disarm();
    }
    if (!isLasting) await this.#until('all faults are met', () => platform.armed === 0);
    await heard(`behind-${key}`);
    await this.#quiet();
    platform.disarm();
    follow(cell, `after-${key}`);
    await heard(`after-${key}`);
    await this.#quiet();
  }

  /** What people and operators see now; `there`: in the conversation that this message is about. */
  async #seen(key: string, { aside }: Deed): Promise<Seen> {
    const [bot, platform] = [this.#bot, this.#platform];
    const [found] = await bot.query<{ room: string }>(
      aside === 'direct'
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
      there: aside && found && found.room !== platform.room ? platform.shown(found.room) : [],
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

  async #until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    await until(isSo, WITHIN_MS).catch((error: unknown) => {
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

/** What must be new, and all that may be. */
function expected(
  one: Call,
  fault: Fault,
  outcome: Outcome,
  key: string,
): Readonly<Record<keyof Seen, readonly unknown[]>> {
  const deed: Deed = DEEDS[one.deed];
  const isDead = outcome === 'dead' && !deed.isTask;
  const isLockedOut = deed.isLockedOut === true || (fault === 'unauthorised' && !deed.isTask);
  const shown = deed.room?.(key, outcome) ?? [];
  const there = deed.there?.(key, outcome) ?? (deed.aside && outcome === 'shown' ? [key] : []);
  const lost = deed.lost?.(key) ?? (deed.aside ? [] : [expect.stringContaining(key)]);
  const reports = [
    ...(isLockedOut ? [expect.stringContaining('Messages are kept until it works again')] : []),
    ...(isDead
      ? [expect.stringMatching(deed.isDeletion ? /^I cannot delete a message in / : /^I cannot post in /)]
      : []),
  ];
  return {
    room: [...shown, ...(deed.isTask ? [] : [`behind-${key}`]), `after-${key}`],
    there,
    spare: isDead ? lost : [],
    ops: reports,
    dead: isDead ? [key] : [],
  };
}
