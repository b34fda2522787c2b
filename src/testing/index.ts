/**
 * The test kit for skill authors: a bot with one room in memory, on a real Postgres, with a clock that tests can move.
 *
 * ```ts
 * const bot = await startTestBot({ skills: [hello] });
 * expect(await bot.say('hello')).toEqual(['Hello, Ann!']);
 * await bot.stop();
 * ```
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from '../app.ts';
import type { Message } from '../chat/message.ts';
import { ClockShift } from '../clock.ts';
import { configSchemaOf, type Config } from '../config/schema.ts';
import type { Platform } from '../connectors/connector.ts';
import { MemoryPlatform, memoryPlatform, type MemoryMessage } from '../connectors/memory/index.ts';
import { PLATFORMS } from '../connectors/platforms.ts';
import type { Skill } from '../contract/skill.ts';
import type { CrashHook } from '../crash-points.ts';
import { createDatabase } from '../db/database.ts';
import { startEmbedded } from '../db/embedded.ts';
import { readMigrations, type SkillMigrations } from '../db/migrate.ts';
import { accountActor } from '../dispatch/chat-event.ts';
import { createLogger } from '../log.ts';
import { createMigratedDatabase, type TestDatabase } from './test-database.ts';

export { MemoryPlatform, type MemoryMessage } from '../connectors/memory/index.ts';

export interface TestBotOptions {
  // oxlint-disable-next-line typescript/no-explicit-any -- skills with options of any type
  readonly skills: readonly Skill<any>[];
  /** Options by skill, as under `skills:` in a configuration. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Directory of the migrations of a skill, by its name. */
  readonly migrations?: Readonly<Record<string, string>>;
  /** Other parts of the configuration: people, access, rooms. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Secrets by the name in `{ file: NAME }`. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** A Postgres server on which databases can be created. Default: `WATCHBELL_TEST_POSTGRES`, else an embedded one. */
  readonly postgres?: string;
  /** Use the database and the rooms of another test bot: a second replica. */
  readonly sharedWith?: TestBot;
  /** A platform with earlier events. Default: a new, empty one. */
  readonly platform?: MemoryPlatform;
  /** Platforms in addition to the built-in ones. */
  readonly platforms?: readonly Platform[];
  /** Port on this machine through which the bot reaches its database; the test itself connects directly. */
  readonly databasePort?: number;
  /** Once the bot has started, time only passes by `advance`. */
  readonly still?: boolean;
  /** For platforms that do not respond: no request of a connector takes longer. */
  readonly longestRequestMs?: number;
  /** How long webhook calls may share a transaction before they are handled one by one. Default 500. */
  readonly callsTimeoutMs?: number;
  /** Called at each point where a crash matters. */
  readonly crashPoint?: CrashHook;
}

export interface SayOptions {
  /** Account of the sender; default `@ann:test`, who is listed and in the group `admins`. */
  readonly by?: string;
  readonly room?: string;
  readonly replyTo?: string;
  readonly direct?: boolean;
}

export interface TestBot {
  readonly app: App;
  readonly platform: MemoryPlatform;
  readonly databaseUrl: string;
  /** Sends a line to the bot in the room `lobby` and resolves to the texts of its replies. */
  say(text: string, options?: SayOptions): Promise<string[]>;
  /** Sends a line without waiting, for tests of running tasks. */
  begin(text: string, options?: SayOptions): void;
  /** Resolves when a room shows a message with this text. */
  shows(text: string, room?: string): Promise<void>;
  /** Runs a query, `alerts open`, with its parameters as text, as in a URL. @throws with the reason if it is rejected. */
  ask(query: string, input?: Readonly<Record<string, string>>, options?: Pick<SayOptions, 'by'>): Promise<unknown>;
  /** Adds a reaction to a message, or removes it. */
  tap(messageId: string, emoji: string, options?: SayOptions & { away?: boolean }): Promise<void>;
  /** Presses an action of a message, by its index. */
  press(messageId: string, index: number, options?: SayOptions): Promise<void>;
  /** Messages that a room shows now, as plain text, oldest first. */
  texts(room?: string): string[];
  messages(room?: string): readonly MemoryMessage[];
  /** Posts to one of the bot's webhook addresses: `alertmanager/default`. */
  webhook(
    address: string,
    body: unknown,
    token?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** Moves the clock forward without waiting, for tests where `settle` would time out, as with a slow platform. */
  pass(ms: number): void;
  /** Moves the clock forward; timers that become due fire. */
  advance(ms: number): Promise<void>;
  /** Resolves when nothing is left to do now: no event, message, due timer or task. The clock skips pauses between attempts of a task. */
  settle(): Promise<void>;
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Stops only this replica; shared state remains, and the test can still query it. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  /** For `await using bot = …`: stops the bot also when the test fails. */
  [Symbol.asyncDispose](): Promise<void>;
}

const SETTLE_WITHIN_MS = 45_000;
/** How many milliseconds a stopped clock may move while a test waits. */
const MAX_NUDGES = 8;

/** Remaining work of a bot. */
interface RemainingWork {
  readonly events: boolean;
  readonly messages: boolean;
  readonly timers: boolean;
  readonly said: boolean;
  /** When its first task may run; null: there is none. */
  readonly task_at: Date | null;
  /** All its tasks failed and wait for a retry. */
  readonly is_pausing: boolean;
}

const REMAINING = `
select exists (select 1 from events where state = 'new') as events,
  exists (select 1 from messages where pending and (not_before is null or not_before <= $1)) as messages,
  exists (select 1 from timers where due_at <= $1) as timers,
  coalesce((select cursor::int from cursors where connector = 'memory'), 0) < $2 as said,
  min(run_at) as task_at, coalesce(bool_and(state = 'queued' and run_at > $1), false) as is_pausing
from tasks where state <> 'done'`;

/** Starts a bot with the given skills. Stop it at the end of the test. */
export async function startTestBot(options: TestBotOptions): Promise<TestBot> {
  const folders = await Promise.all(
    options.skills.map(async (skill) => ({
      skill,
      directory: '',
      migrations: { skill: skill.name, migrations: await readMigrations(options.migrations?.[skill.name] ?? '') },
    })),
  );
  const home = options.sharedWith
    ? undefined
    : await makeDatabase(
        options.postgres ?? process.env['WATCHBELL_TEST_POSTGRES'],
        folders.map(({ migrations }) => migrations),
      );
  const databaseUrl = options.sharedWith?.databaseUrl ?? home?.url ?? '';
  const platform = options.sharedWith?.platform ?? options.platform ?? new MemoryPlatform();
  const platforms = [
    ...PLATFORMS.map((one) => (one.type === 'memory' ? memoryPlatform(platform) : one)),
    ...(options.platforms ?? []),
  ];
  const appDatabaseUrl = throughPort(databaseUrl, options.databasePort);
  const shift = new ClockShift();
  const config = parseConfig(
    {
      connectors: { memory: {} },
      rooms: { lobby: { in: { memory: 'lobby' } } },
      people: { ann: { name: 'Ann', accounts: { memory: '@ann:test' }, groups: ['admins'] } },
      ...options.config,
      skills: options.options ?? {},
    },
    options.skills,
    platforms,
  );
  const app = new App({
    version: '0.0.0-test',
    config,
    platforms,
    folders: { skills: folders, broken: [] },
    generation: async () => 1,
    database: async () => ({ connectionString: appDatabaseUrl }),
    secret: async (reference) => {
      const found = 'file' in reference ? options.secrets?.[reference.file] : undefined;
      if (found === undefined) throw new Error(`the test has no secret ${JSON.stringify(reference)}`);
      return found;
    },
    log: createLogger({ level: 'silent' }),
    ports: { port: 0, opsPort: 0, portFixed: false, opsPortFixed: false },
    shift,
    checkAnswers: true,
    longestRequestMs: options.longestRequestMs,
    ...(options.callsTimeoutMs !== undefined && { callsTimeoutMs: options.callsTimeoutMs }),
    ...(options.crashPoint && { crashPoint: options.crashPoint }),
  });
  await app.start();
  const inspector = createDatabase({
    url: async () => ({ connectionString: databaseUrl }),
    poolSize: 1,
    idleInTransactionMs: 30_000,
    statementTimeoutMs: 30_000,
  });
  const event = (by: SayOptions) => ({
    id: randomUUID(),
    room: by.room ?? 'lobby',
    direct: by.direct ?? false,
    sender: { accountId: by.by ?? '@ann:test', name: 'somebody', bot: false, guest: false },
    at: app.clock.now(),
  });
  let leaving: Promise<void> | undefined;
  const bot: TestBot = {
    app,
    platform,
    databaseUrl,
    async say(text, by = {}) {
      const room = by.room ?? 'lobby';
      const before = new Set(platform.shown(room).map((message) => message.id));
      bot.begin(text, by);
      await bot.settle();
      return platform
        .shown(room)
        .filter((message) => !before.has(message.id))
        .map((message) => textOf(message.message));
    },
    begin(text, by = {}) {
      platform.happen({
        type: 'message',
        ...event(by),
        text: by.direct ? text : `!${text}`,
        mentionsBot: false,
        ...(by.replyTo && { replyTo: by.replyTo }),
      });
    },
    async shows(text, room) {
      for (const end = performance.now() + SETTLE_WITHIN_MS; !bot.texts(room).includes(text);) {
        if (performance.now() > end)
          throw new Error(`after ${SETTLE_WITHIN_MS / 1000} s the room still shows ${JSON.stringify(bot.texts(room))}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async ask(name, input = {}, { by = '@ann:test' } = {}) {
      const [skill = '', query = ''] = name.split(' ');
      const actor = accountActor(app.registry, 'memory', { accountId: by, name: 'somebody', bot: false, guest: false });
      const asked = await app.queries.ask({ actor, skill, query, input });
      if (asked.outcome !== 'ok') throw new Error(asked.message);
      return asked.answer;
    },
    async tap(messageId, emoji, by = {}) {
      platform.happen({ type: 'reaction', taken: by.away ?? false, ...event(by), target: messageId, emoji });
      await bot.settle();
    },
    async press(messageId, index, by = {}) {
      platform.press(by.room ?? 'lobby', messageId, index, event(by));
      await bot.settle();
    },
    texts: (room = 'lobby') => platform.shown(room).map((message) => textOf(message.message)),
    messages: (room = 'lobby') => platform.shown(room),
    async webhook(address, body, token, headers = {}) {
      const response = await fetch(`http://127.0.0.1:${app.port}/webhooks/${address}`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      });
      if (response.ok) await bot.settle();
      return response;
    },
    pass: (ms) => shift.move(ms),
    async advance(ms) {
      shift.move(ms);
      await bot.settle();
    },
    async settle() {
      let nudges = 0;
      for (const end = performance.now() + SETTLE_WITHIN_MS; ;) {
        const [left] = await inspector.query<RemainingWork>(REMAINING, [app.clock.now(), platform.stream.length]);
        if (!left) continue;
        const { task_at: taskAt, is_pausing: isPausing, ...busy } = left;
        const isBusy = Object.values(busy).some(Boolean);
        if (!isBusy && taskAt === null) return;
        // Only failed tasks that wait for a retry are left.
        if (!isBusy && isPausing && taskAt) shift.move(Math.max(0, taskAt.getTime() - app.clock.now().getTime()) + 1);
        // Work that is due now may be checked together with work due a few milliseconds later.
        if (options.still && nudges++ < MAX_NUDGES) shift.move(1);
        if (performance.now() > end)
          throw new Error(
            `the bot is still busy after ${SETTLE_WITHIN_MS / 1000} s; some work never ends, or always fails: ${JSON.stringify(left)}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    query: (text, parameters) => inspector.query(text, parameters),
    leave() {
      leaving ??= app.stop({ acceptForMs: 0 });
      return leaving;
    },
    async stop() {
      await bot.leave();
      await inspector.close();
      await home?.drop();
    },
    [Symbol.asyncDispose]: () => bot.stop(),
  };
  await ready(inspector);
  if (options.still) shift.stand();
  return bot;
}

/** Parses a configuration without files: each connector's type is its name, each skill parses its options. */
function parseConfig(
  value: { connectors: Record<string, object>; skills: Readonly<Record<string, unknown>> } & Record<string, unknown>,
  skills: TestBotOptions['skills'],
  platforms: readonly Platform[],
): Config {
  const connectors = Object.fromEntries(
    Object.entries(value.connectors).map(([name, options]) => [name, { type: name, ...options }]),
  );
  const options = Object.fromEntries(
    skills.map((skill) => [skill.name, skill.options?.parse(value.skills[skill.name] ?? {}) ?? {}]),
  );
  return { ...configSchemaOf(platforms).parse({ ...value, connectors, skills: {} }), skills: options };
}

function throughPort(databaseUrl: string, port: number | undefined): string {
  if (port === undefined) return databaseUrl;
  const url = new URL(databaseUrl);
  url.port = String(port);
  return url.href;
}

/** A connector starts from now: messages before its first cursor is stored would be missed. */
async function ready(inspector: ReturnType<typeof createDatabase>): Promise<void> {
  while ((await inspector.query(`select 1 from cursors where connector = 'memory'`)).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Title, text, fields, code and links, each on its own line. */
export function textOf(message: Message): string {
  return [
    message.title,
    message.text,
    ...(message.fields ?? []).map((field) => `${field.label}: ${field.value}`),
    message.code,
    message.links?.map((link) => link.label).join(' · '),
  ]
    .filter((part) => part !== undefined && part !== '')
    .join('\n');
}

async function makeDatabase(server: string | undefined, skills: readonly SkillMigrations[]): Promise<TestDatabase> {
  if (server === undefined) {
    const directory = await mkdtemp(join(tmpdir(), 'watchbell-test-'));
    const embedded = await startEmbedded(directory, () => {});
    return {
      url: embedded.url,
      async drop() {
        await embedded.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  }
  return createMigratedDatabase(server, skills);
}
