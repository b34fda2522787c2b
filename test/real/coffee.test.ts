import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type CliResult } from '../harness/cli.ts';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { startSynapse, synapseMissing, type Synapse, type SynapseUser } from './synapse.ts';

const missing = await synapseMissing();
if (missing) console.warn(`SKIPPED: coffee on a real Synapse: ${missing}`);
const describeReal = missing ? describe.skip : describe;
const PEOPLE = 6;
const DAY_MS = 86_400_000;

let looks = 0;
let synapse: Synapse;
let database: TestDatabase;
let bell: ProgramProcess;
let bot: SynapseUser;
let people: SynapseUser[];
let lobby: string;
let directory: string;
let cli: (...args: string[]) => Promise<CliResult>;

beforeEach(async () => {
  if (missing) return;
  directory = await mkdtemp(join(tmpdir(), 'watchbell-coffee-real-'));
  synapse = await startSynapse();
  bot = await synapse.addUser('bell', 'Watchbell');
  people = [];
  for (let at = 0; at < PEOPLE; at++) people.push(await synapse.addUser(`p${at}`, `Person ${at}`));
  const [first, ...others] = people;
  if (!first) throw new Error('nobody');
  lobby = await synapse.createRoom(first, 'random', [bot, ...others]);
  database = await createDatabase();
  const secrets = join(directory, 'secrets');
  await mkdir(secrets);
  await writeFile(join(secrets, 'matrix-token'), bot.token);
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { matrix: { homeserver: synapse.url, token: { file: 'matrix-token' } } },
      rooms: { random: { in: { matrix: `#random:${synapse.serverName}` } } },
      skills: { coffee: { rounds: { random: { room: 'random', followUp: '5d' } } } },
    }),
  );
  const place = { config, secrets, databaseUrl: database.url };
  bell = new ProgramProcess({ ...place, port: await freePort(), opsPort: await freePort() });
  cli = (...args) => runCli(args, place);
  await bell.start();
}, 120_000);

afterEach(async () => {
  if (missing) return;
  await bell.kill();
  await synapse.stop();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

interface Invited {
  readonly room: string;
  readonly direct: boolean;
}

/** Invitations that this person's client shows. */
async function invitations(person: SynapseUser): Promise<Invited[]> {
  // Synapse answers the same first sync from a cache for two minutes; the timeout is part of its key.
  const sync = await synapse.request(person, 'GET', `/_matrix/client/v3/sync?timeout=${looks++}`);
  type State = { type: string; state_key: string; content: { is_direct?: boolean } };
  const { invite = {} } = (sync['rooms'] ?? {}) as { invite?: Record<string, { invite_state: { events: State[] } }> };
  return Object.entries(invite).map(([room, { invite_state: state }]) => ({
    room,
    direct: state.events.some(
      (event) => event.type === 'm.room.member' && event.state_key === person.id && event.content.is_direct === true,
    ),
  }));
}

/** The bot's messages in a room, with edits applied. */
async function said(reader: SynapseUser, room: string): Promise<{ id: string; text: string }[]> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages?dir=f&limit=200`;
  const { chunk } = (await synapse.request(reader, 'GET', path)) as {
    chunk: {
      type: string;
      event_id: string;
      sender: string;
      content: {
        body: string;
        'm.relates_to'?: { rel_type?: string; event_id?: string };
        'm.new_content'?: { body: string };
      };
    }[];
  };
  const shown = new Map<string, string>();
  for (const { type, event_id: id, sender, content } of chunk) {
    if (type !== 'm.room.message' || sender !== bot.id) continue;
    const relation = content['m.relates_to'];
    if (relation?.rel_type === 'm.replace') shown.set(relation.event_id ?? '', content['m.new_content']?.body ?? '');
    else shown.set(id, content.body);
  }
  return [...shown].map(([id, text]) => ({ id, text }));
}

async function until<T>(what: string, look: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const found = await look();
    if (holds(found)) return found;
    if (Date.now() > deadline) throw new Error(`never: ${what}; ${JSON.stringify(found).slice(0, 2000)}`);
  }
}

async function joinOwn(person: SynapseUser): Promise<Invited> {
  const found = await until(
    'invited',
    () => invitations(person),
    (list) => list.length > 0,
  );
  const [only] = found;
  if (!only || found.length > 1) throw new Error(`${person.id} is invited ${found.length} times`);
  await synapse.request(person, 'POST', `/_matrix/client/v3/join/${encodeURIComponent(only.room)}`, {});
  return only;
}

describeReal('coffee on a real Synapse', () => {
  test('a pair gets one private conversation, is asked later, and answers with a reaction', async () => {
    expect(await cli('pair', 'random')).toMatchObject({ status: 0 });
    const rooms = new Map<string, SynapseUser[]>();
    for (const person of people) {
      const { room, direct } = await joinOwn(person);
      expect(direct).toBe(true);
      rooms.set(room, [...(rooms.get(room) ?? []), person]);
    }
    expect([...rooms.values()].map((members) => members.length)).toEqual([2, 2, 2]);
    for (const [room, [reader]] of rooms) {
      if (!reader) throw new Error('the room has no members');
      const texts = await until(
        'told',
        () => said(reader, room),
        (list) => list.length > 0,
      );
      expect(texts.map(({ text }) => text)).toEqual([
        expect.stringContaining('you are having coffee together this time'),
      ]);
    }
    const [first] = people;
    if (!first) throw new Error('nobody');
    const heard = await until(
      'the room heard',
      () => said(first, lobby),
      (list) => list.length > 0,
    );
    expect(heard[0]?.text).toContain('Coffee round 1 has started: 3 pairs.');

    await synapse.say(first, lobby, '!coffee stats');
    await until(
      'the picture of who has met whom',
      () => said(first, lobby),
      (list) => list.at(-1)?.text === 'Who has met whom: 3 of 15 pairs of 6 people',
    );

    bell.order({ shiftMs: 5 * DAY_MS + 60_000 });
    const [[room, members] = ['', []]] = rooms;
    const [answerer, witness] = members;
    if (!answerer || !witness) throw new Error('the room has no members');
    const asked = await until(
      'asked',
      () => said(witness, room),
      (list) => list.length === 2,
    );
    expect(asked[1]?.text).toContain('Did you meet?');
    const relates = { rel_type: 'm.annotation', event_id: asked[1]?.id, key: '✅' };
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.reaction/${randomUUID()}`;
    await synapse.request(answerer, 'PUT', path, { 'm.relates_to': relates });
    await until(
      'thanked',
      () => said(witness, room),
      (list) => list[1]?.text.includes('You met. Thank you') ?? false,
    );
  }, 180_000);

  test('when killed right after opening each conversation, it opens none twice', async () => {
    for (let kill = 0; kill < 3; kill++) {
      // The task has its room, but has not stored it yet. The very first task computes the round.
      bell.order({ crashAt: { crashPoint: 'task.after-run', nth: kill === 0 ? 2 : 1 } });
      if (kill === 0) void cli('pair', 'random', '--wait', '0');
      await bell.gone();
      await bell.start();
    }
    const rooms = new Set<string>();
    for (const person of people) rooms.add((await joinOwn(person)).room);
    expect(rooms.size).toBe(3);
    const { joined_rooms: joined } = await synapse.request(bot, 'GET', '/_matrix/client/v3/joined_rooms');
    expect(new Set(joined as string[])).toEqual(new Set([lobby, ...rooms]));
    for (const person of people) expect(await invitations(person)).toEqual([]);
    for (const room of rooms) {
      const reader = bot;
      const texts = await until(
        'told',
        () => said(reader, room),
        (list) => list.length > 0,
      );
      expect(texts).toHaveLength(1);
    }
  }, 180_000);
});
