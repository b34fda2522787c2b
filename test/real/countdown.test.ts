import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase, freePort } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { inRealTime } from '../harness/standstill.ts';
import { until } from '../harness/until.ts';
import { listening } from '../soak/verify.ts';
import { startSynapse, synapseMissing, type Synapse, type SynapseUser } from './synapse.ts';

const missing = await synapseMissing();
if (missing) console.warn(`SKIPPED: countdowns on a real Synapse: ${missing}`);
const onSynapse = missing ? test.skip : test;

interface Message {
  readonly text: string;
  /** By the homeserver's clock. */
  readonly at: number;
  readonly edits: number;
}

interface Setting {
  readonly bell: ProgramProcess;
  say(text: string): Promise<void>;
  /** Sends a command; resolves to the start of the count by the bot's clock: the k-th number is due k seconds later. */
  begin(text: string): Promise<number>;
  /** The bot's messages, oldest first, with edits applied. */
  shown(): Promise<Message[]>;
  /** Waits for a message, with edits applied, after the first `from`. */
  until(what: RegExp, withinMs: number, from?: number): Promise<Message[]>;
  stop(): Promise<void>;
}

async function start(limits: 'none' | 'default', options: object = {}): Promise<Setting> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-countdown-'));
  const synapse = await startSynapse({ limits });
  const [bot, ann] = [await synapse.addUser('bell'), await synapse.addUser('ann', 'Ann')];
  const room = await synapse.createRoom(ann, 'random', [bot]);
  const database = await createDatabase();
  await mkdir(join(directory, 'secrets'));
  await writeFile(join(directory, 'secrets/matrix-token'), bot.token);
  await writeFile(
    join(directory, 'watchbell.yaml'),
    JSON.stringify({
      connectors: { matrix: { homeserver: synapse.url, token: { file: 'matrix-token' } } },
      rooms: { random: { in: { matrix: `#random:${synapse.serverName}` } } },
      people: { ann: { name: 'Ann', accounts: { matrix: ann.id }, groups: ['admins'] } },
      skills: { countdown: options },
    }),
  );
  const bell = new ProgramProcess({
    config: join(directory, 'watchbell.yaml'),
    secrets: join(directory, 'secrets'),
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
  });
  await bell.start();
  await listening(database.url, ['matrix']);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const shown = (): Promise<Message[]> => read(synapse, ann, bot, room);
  return {
    bell,
    shown,
    say: async (text) => void (await synapse.say(ann, room, text)),
    async begin(text) {
      const rows = async (): Promise<{ at: Date }[]> =>
        (
          await client.query<{ at: Date }>(
            `select at from audit where skill = 'countdown' and result = 'ok' order by at`,
          )
        ).rows;
      const count = (await rows()).length;
      await synapse.say(ann, room, text);
      await until(async () => (await rows()).length > count);
      return (await rows()).at(-1)?.at.getTime() ?? Number.NaN;
    },
    async until(what, withinMs, from = 0) {
      for (const deadline = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
        const messages = await shown();
        if (messages.slice(from).some(({ text }) => what.test(text))) return messages;
        if (Date.now() > deadline)
          throw new Error(`no ${what} within ${withinMs / 1000} s:\n${messages.map(({ text }) => text).join('\n')}`);
      }
    },
    async stop() {
      await bell.stop();
      await client.end();
      await synapse.stop();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface RoomEvent {
  readonly event_id: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: {
    readonly body: string;
    readonly 'm.relates_to'?: { readonly rel_type?: string; readonly event_id?: string };
    readonly 'm.new_content'?: { readonly body: string };
  };
}

async function read(synapse: Synapse, ann: SynapseUser, bot: SynapseUser, room: string): Promise<Message[]> {
  const filter = encodeURIComponent(JSON.stringify({ types: ['m.room.message'] }));
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=200&filter=${filter}`;
  const { chunk } = (await synapse.request(ann, 'GET', path)) as unknown as { chunk: RoomEvent[] };
  const found = new Map<string, Message>();
  for (const event of chunk.toReversed()) {
    if (event.sender !== bot.id) continue;
    const target = event.content['m.relates_to'];
    const edited = target?.rel_type === 'm.replace' ? found.get(target.event_id ?? '') : undefined;
    if (edited && target?.event_id)
      found.set(target.event_id, {
        ...edited,
        text: event.content['m.new_content']?.body ?? '',
        edits: edited.edits + 1,
      });
    else found.set(event.event_id, { text: event.content.body, at: event.origin_server_ts, edits: 0 });
  }
  return [...found.values()];
}

/** The number that a message shows, with or without text around it. */
const numberIn = ({ text }: Message): number => Number(/^(?:…back at )?(\d+)\b/.exec(text)?.[1]);
const rises = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? Number.NaN));

onSynapse(
  'without limits each number appears on its second, once, and after a kill the count continues by the clock',
  async () => {
    const setting = await start('none');
    try {
      // The first message in a room takes a homeserver longer than the others.
      await setting.say('!version');
      await setting.until(/^watchbell/, 30_000);
      let before = 0;
      await inRealTime(
        async () => {
          before = (await setting.shown()).length;
          const startedAt = await setting.begin('!count to 6');
          await setting.until(/^6$|^the count/, 15_000, before);
          const first = (await setting.shown()).slice(before);
          expect(first.map(({ text }) => text)).toEqual(['1', '2', '3', '4', '5', '6']);
          for (const [index, { at }] of first.entries()) {
            const lateMs = at - startedAt - (index + 1) * 1000;
            expect(lateMs).toBeGreaterThan(-100);
            expect(lateMs).toBeLessThan(500);
          }
        },
        async () => {},
      );
      before = (await setting.shown()).length;
      await setting.begin('!count to 25');
      await setting.until(/^(…back at )?([7-9]|1\d)$/, 20_000, before);
      await setting.bell.kill();
      await setting.bell.start();
      const done = (await setting.until(/^25$|^the count/, 40_000, before)).slice(before);
      const numbers = done.map(numberIn);
      expect(rises(numbers)).toBe(true);
      // Once for each absence, since when numbers are missing. One number may have been in flight already.
      let missing = 0;
      for (const [index, { text }] of done.entries()) {
        missing += (numbers[index] ?? 0) - (numbers[index - 1] ?? 0) - 1;
        if (!text.startsWith('…back at ')) continue;
        expect(missing).toBeGreaterThan(0);
        missing = 0;
      }
      expect(missing).toBe(0);
      expect(done.some(({ text }) => text.startsWith('…back at '))).toBe(true);
    } finally {
      await setting.stop();
    }
  },
  240_000,
);

onSynapse(
  "with Synapse's own limits it reports the room's rate, and continues in steps that fit",
  async () => {
    const setting = await start('default');
    try {
      const startedAt = await setting.begin('!count to 60');
      const messages = await setting.until(/^60\b/, 90_000);
      const numbers = messages.map(numberIn);
      expect(rises(numbers)).toBe(true);
      // The burst is shown number by number, except for delays by the machine.
      for (const { text } of messages.slice(0, 8)) expect(text).toMatch(/^(…back at )?\d+$/);
      const words = messages.filter(({ text }) => text.includes('this room allows one message every'));
      expect(words.length).toBeGreaterThanOrEqual(1);
      expect(words.length).toBeLessThanOrEqual(2);
      const [, step] =
        /now in steps of (\d+): this room allows one message every [\d.]+ s$/.exec(words[0]?.text ?? '') ?? [];
      expect(Number(step)).toBeGreaterThanOrEqual(5);
      const after = numbers.slice(numbers.indexOf(numberIn(words[0] ?? { text: '', at: 0, edits: 0 })));
      expect(after.every((number) => number % 5 === 0)).toBe(true);
      for (const message of messages.filter((one) => numberIn(one) % Number(step) === 0))
        expect(message.at - startedAt - numberIn(message) * 1000).toBeLessThan(Number(step) * 1000);
    } finally {
      await setting.stop();
    }
  },
  150_000,
);

onSynapse(
  "with Synapse's own limits and `slow: edit` one message is edited to the end, and stop reports the number",
  async () => {
    const setting = await start('default', { slow: 'edit' });
    try {
      await setting.say('!count to 300');
      await setting.until(/^\d+, edited every \d+ s: this room is rate-limited$/, 60_000);
      const before = await setting.shown();
      await setting.until(/^(40|45|50|55|60), edited/, 60_000);
      const messages = await setting.shown();
      expect(messages).toHaveLength(before.length);
      expect(messages.at(-1)?.edits).toBeGreaterThan(0);
      await setting.say('!stop');
      const [answer] = (await setting.until(/^Stopped at/, 30_000)).slice(-1);
      expect(Number(/^Stopped at (\d+)\.$/.exec(answer?.text ?? '')?.[1])).toBeGreaterThanOrEqual(40);
    } finally {
      await setting.stop();
    }
  },
  150_000,
);
