import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { newKey, RecordingHost, sendOf } from '../../src/connectors/conformance/host.ts';
import type { ConnectorWorld, SeenMessage } from '../../src/connectors/conformance/world.ts';
import { describeConnector } from '../../src/connectors/conformance.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { codeOf } from '../../src/errors.ts';
import { create } from '../../src/connectors/matrix/index.ts';
import { matrix } from '../../src/connectors/matrix/platform.ts';
import { memoryEnvironment } from '../fakes/matrix/world.ts';
import { startSynapse, synapseMissing } from './synapse.ts';
import type { Synapse, SynapseUser } from './synapse.ts';

const missing = await synapseMissing();
if (missing) console.warn(`SKIPPED: the tests against a real Synapse: ${missing}`);
const describeReal = missing ? describe.skip : describe;
const never = new AbortController().signal;

let synapse: Synapse;

interface RealWorld extends ConnectorWorld {
  readonly bot: SynapseUser;
  readonly ann: SynapseUser;
  readonly roomId: string;
  readonly network: Network;
  say(text: string): Promise<string>;
}

/** A proxy to the real homeserver that can lose responses, hang and go offline. */
class Network {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly target: number;
  port = 0;
  /** The fault for the next PUT: its response is lost, or it never arrives. `loseOpening`: the response to the next createRoom is lost. */
  next: 'pass' | 'loseAnswer' | 'hang' | 'loseOpening' = 'pass';

  constructor(target: number) {
    this.target = target;
  }

  async open(): Promise<void> {
    const server = createServer((client) => this.join(client));
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address) this.port = address.port;
    this.server = server;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private join(client: Socket): void {
    const upstream = connectSocket(this.target, '127.0.0.1');
    let losing = false;
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (data) => {
      const wanted = this.next === 'loseOpening' ? 'POST /_matrix/client/v3/createRoom' : 'PUT ';
      if (this.next !== 'pass' && data.subarray(0, wanted.length).toString() === wanted) {
        const mode = this.next;
        this.next = 'pass';
        if (mode === 'hang') return;
        losing = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => (losing ? client.destroy() : client.write(data)));
  }
}

async function realWorld(room: Record<string, unknown> = {}): Promise<RealWorld> {
  const name = randomUUID().slice(0, 8);
  const bot = await synapse.addUser(`bell-${name}`, 'Watchbell');
  const ann = await synapse.addUser(`ann-${name}`, 'Ann Li');
  const bob = await synapse.addUser(`bob-${name}`);
  const roomId = await synapse.createRoom(ann, `ops-${name}`, [bot, bob], room);
  const network = new Network(Number(new URL(synapse.url).port));
  await network.open();
  const environment = memoryEnvironment({ token: bot.token });
  const at = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;
  return {
    bot,
    ann,
    roomId,
    network,
    room: `#ops-${name}:${synapse.serverName}`,
    accountId: bot.id,
    missing: `$${'x'.repeat(43)}`,
    connect: () => create({ homeserver: `http://127.0.0.1:${network.port}`, token: { file: 'token' } }, environment),
    say: (text) => synapse.say(ann, roomId, text),
    shown: () => shown(ann, roomId, bot.id),
    async react(target, emoji) {
      const body = { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: emoji } };
      return String((await synapse.request(ann, 'PUT', `${at}/send/m.reaction/${randomUUID()}`, body))['event_id']);
    },
    async unreact(reaction) {
      await synapse.request(ann, 'PUT', `${at}/redact/${encodeURIComponent(reaction)}/${randomUUID()}`, {});
    },
    async loseNextAnswer() {
      network.next = 'loseAnswer';
      await Promise.resolve();
    },
    async hangNext() {
      network.next = 'hang';
      await Promise.resolve();
    },
    async lockOut() {
      await synapse.request(bot, 'POST', '/_matrix/client/v3/logout', {});
    },
    people: [ann.id, bob.id],
    async peopleOf(room) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/members`;
      const { chunk } = await synapse.request(bot, 'GET', path);
      return (chunk as { state_key: string }[]).map((event) => event.state_key);
    },
    async loseNextOpening() {
      network.next = 'loseOpening';
      await Promise.resolve();
    },
    goOffline: () => network.close(),
    goOnline: () => network.open(),
    close: () => network.close(),
  };
}

type Raw = {
  type: string;
  event_id: string;
  sender: string;
  content: Record<string, unknown> & { body?: string };
  unsigned?: { redacted_because?: unknown };
};

/** The room as Ann's client shows it. */
async function shown(reader: SynapseUser, room: string, bot: string): Promise<SeenMessage[]> {
  const answer = await synapse.request(
    reader,
    'GET',
    `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages?dir=f&limit=1000`,
  );
  const seen = new Map<string, { id: string; text: string; mine: boolean; reactions: string[] }>();
  for (const event of answer['chunk'] as Raw[]) {
    if (event.unsigned?.redacted_because) continue;
    const relation = event.content['m.relates_to'] as
      { rel_type?: string; event_id?: string; key?: string } | undefined;
    const target = seen.get(relation?.event_id ?? '');
    if (event.type === 'm.reaction') target?.reactions.push(relation?.key ?? '');
    else if (event.type === 'm.room.message' && relation?.rel_type === 'm.replace') {
      if (target) target.text = (event.content['m.new_content'] as { body: string }).body;
    } else if (event.type === 'm.room.message')
      seen.set(event.event_id, {
        id: event.event_id,
        text: event.content.body ?? '',
        mine: event.sender === bot,
        reactions: [],
      });
  }
  return [...seen.values()];
}

describeReal('with a real Synapse', () => {
  beforeAll(async () => {
    synapse = await startSynapse();
  }, 90_000);
  afterAll(() => synapse.stop());

  describeConnector({
    name: 'matrix on Synapse',
    capabilities: matrix.capabilities({ homeserver: 'https://synapse.test' }),
    cannot: ['post to routes', 'refuse a request', 'rename people'],
    setUp: () => realWorld(),
  });

  async function within(
    body: (world: RealWorld, connector: Connector, host: RecordingHost) => Promise<void>,
    room: Record<string, unknown> = {},
  ): Promise<void> {
    const world = await realWorld(room);
    const connector = await world.connect();
    const host = new RecordingHost([world.room]);
    try {
      await connector.start(host);
      await body(world, connector, host);
    } finally {
      await connector.stop();
      await world.close();
    }
  }

  test('a gap is filled, and messages from before the bot joined or while it was removed are not delivered', async () => {
    await within(async (world, connector, host) => {
      const { ann, bot } = world;
      const late = await synapse.createRoom(ann, `late-${randomUUID()}`, []);
      for (const text of ['count to 10', 'stop', 'ack']) await synapse.say(ann, late, text);
      const direct = { room: late, path: `/_matrix/client/v3/rooms/${encodeURIComponent(late)}` };
      await synapse.request(ann, 'POST', `${direct.path}/invite`, { user_id: bot.id });
      await synapse.request(bot, 'POST', `${direct.path}/join`, {});
      await synapse.say(ann, late, 'welcome');
      await host.until('the greeting', () => host.texts().includes('welcome'));
      expect(host.texts()).toEqual(['welcome']);
      expect(host.events[0]).toMatchObject({ direct: true, sender: { name: 'Ann Li' } });

      await connector.stop();
      await synapse.request(ann, 'POST', `${direct.path}/kick`, { user_id: bot.id });
      await synapse.say(ann, late, 'secret');
      await synapse.request(ann, 'POST', `${direct.path}/invite`, { user_id: bot.id });
      await synapse.request(bot, 'POST', `${direct.path}/join`, {});
      const inLate = Array.from({ length: 70 }, (_, index) => `late ${index}`);
      const inOps = Array.from({ length: 170 }, (_, index) => `ops ${index}`);
      for (const text of inLate) await synapse.say(ann, late, text);
      for (const text of inOps) await world.say(text);
      const next = await world.connect();
      const after = new RecordingHost([world.room], host);
      await next.start(after);
      await after.until('everything', () => after.texts().length >= inLate.length + inOps.length, 30_000);
      await next.stop();
      expect(after.texts().filter((text) => text.startsWith('ops'))).toEqual(inOps);
      expect(after.texts().filter((text) => !text.startsWith('ops'))).toEqual(inLate);
    });
  });

  test('the largest part is accepted, even as an edit, and a larger one is rejected for good', async () => {
    await within(async (world, connector) => {
      const part = connector.render(
        { code: Array.from({ length: 3000 }, (_, line) => `<"é漢😀'> ${line}`).join('\n') },
        { ring: false },
      )[0];
      if (!part) throw new Error('no part');
      expect(part.bytes).toBeGreaterThan(54_000);
      const target = await connector.perform(sendOf(world.room, part), never);
      await connector.perform({ type: 'edit', key: newKey(), room: world.room, part, target, unknownTries: 0 }, never);
      const huge = { body: { text: 'x'.repeat(65_000), html: null, mentions: [], notice: false }, bytes: 65_000 };
      await expect(connector.perform(sendOf(world.room, huge), never)).rejects.toMatchObject({
        code: 'WB_REJECTED',
        reason: expect.stringContaining('64 KiB'),
      });
    });
  });

  test('impossible threads become plain messages, and errors of unusable rooms have the reason', async () => {
    await within(async (world, connector, host) => {
      const part = connector.render({ text: 'x' }, { ring: false })[0];
      const root = await world.say('root');
      const inThread = await connector.perform(sendOf(world.room, part, { thread: root }), never);
      await connector.perform(sendOf(world.room, part, { thread: inThread }), never);
      expect((await world.shown()).filter((message) => message.mine)).toHaveLength(2);
      await expect(connector.perform(sendOf('#none:real.test', part), never)).rejects.toMatchObject({
        reason: expect.stringContaining('no room has the address'),
      });
      const closed = await synapse.createRoom(world.ann, `closed-${randomUUID()}`, []);
      await expect(connector.perform(sendOf(closed, part), never)).rejects.toMatchObject({
        reason: `${world.bot.id} is not in ${closed}: invite it there`,
      });
      await expect(connector.perform(sendOf('!nothing:real.test', part), never)).rejects.toMatchObject({
        code: 'WB_REJECTED',
      });
      const mute = await synapse.createRoom(world.ann, `mute-${randomUUID()}`, [world.bot], {
        power_level_content_override: { events_default: 50 },
      });
      await expect(connector.perform(sendOf(mute, part), never)).rejects.toMatchObject({
        reason: `${world.bot.id} may not do this in ${mute}: raise its power level`,
      });
      const crypt = await synapse.createRoom(world.ann, `crypt-${randomUUID()}`, [world.bot], {
        initial_state: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
      });
      await host.until('told', () =>
        host.memberships.some(({ room, state }) => room === crypt && state === 'encrypted'),
      );
      const findings = (await connector.examine?.([world.room, closed, mute, crypt, '#none:real.test'], never)) ?? [];
      expect(findings.map(({ ok }) => ok)).toEqual([true, true, true, false, false, false, false]);
      await synapse.request(world.ann, 'POST', `/_matrix/client/v3/rooms/${encodeURIComponent(mute)}/kick`, {
        user_id: world.bot.id,
        reason: 'bye',
      });
      await host.until('put out', () =>
        host.memberships.some(
          ({ room, state, detail }) =>
            room === mute && state === 'left' && detail === `removed by ${world.ann.id}: bye`,
        ),
      );
    });
  });

  /** Performs like delivery: retries while the room is being replaced. */
  async function performUntilDone(connector: Connector, room: string, text: string): Promise<string> {
    const operation = sendOf(room, connector.render({ text }, { ring: true })[0]);
    for (;;) {
      try {
        return await connector.perform(operation, never);
      } catch (error) {
        if (codeOf(error) !== 'WB_MOVED') throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  const textsIn = async (world: RealWorld, room: string): Promise<string[]> =>
    (await shown(world.ann, room, world.bot.id)).filter(({ mine }) => mine).map(({ text }) => text);

  test.each(['11', '12'])(
    'an upgraded room is followed, directly or after the invitation (to version %s)',
    async (version) => {
      await within(
        async (world, connector, host) => {
          const upgrade = async (room: string): Promise<string> => {
            const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/upgrade`;
            return String(
              (await synapse.request(world.ann, 'POST', path, { new_version: version }))['replacement_room'],
            );
          };
          const path = (room: string, rest: string): string =>
            `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/${rest}`;
          await performUntilDone(connector, world.room, 'before');
          // Private: the bot is invited after a while.
          const next = await upgrade(world.roomId);
          await host.until('told', () => host.memberships.some(({ state }) => state === 'left'));
          expect(host.memberships.find(({ state }) => state === 'left')?.detail).toBe(
            `the room was upgraded to ${next}: invite ${world.bot.id} there`,
          );
          const waiting = performUntilDone(connector, world.room, 'waits for the invitation');
          await synapse.request(world.ann, 'POST', path(next, 'invite'), { user_id: world.bot.id });
          await waiting;
          expect(await textsIn(world, next)).toEqual(['waits for the invitation']);
          // Public: it joins without an invitation.
          await synapse.request(world.ann, 'PUT', path(next, 'state/m.room.join_rules/'), { join_rule: 'public' });
          const third = await upgrade(next);
          await host.until('moved', () =>
            host.memberships.some(({ room, state }) => room === third && state === 'moved'),
          );
          await performUntilDone(connector, world.room, 'after');
          expect(await textsIn(world, third)).toEqual(['after']);
          expect(host.names.get(world.room)).toBe(third);
          await synapse.say(world.ann, third, 'hello');
          await host.until('what is said there', () => host.texts().includes('hello'));
          const findings = (await connector.examine?.([world.room, world.roomId], never)) ?? [];
          expect(findings.slice(2).map(({ message }) => message)).toEqual([
            'joined, may post',
            `the room was upgraded to ${third}; put that id into the configuration; joined, may post`,
          ]);
        },
        { room_version: '11' },
      );
    },
  );

  test('in a room of version 12 that the bot created, or where it is an additional creator, it may post', async () => {
    await within(async (world, connector) => {
      const levels = { room_version: '12', power_level_content_override: { events_default: 50 } };
      const own = await synapse.createRoom(world.bot, `own-${randomUUID()}`, [world.ann], levels);
      const more = { ...levels, creation_content: { additional_creators: [world.bot.id] } };
      const shared = await synapse.createRoom(world.ann, `shared-${randomUUID()}`, [world.bot], more);
      const other = await synapse.createRoom(world.ann, `other-${randomUUID()}`, [world.bot], levels);
      const findings = (await connector.examine?.([own, shared, other], never)) ?? [];
      expect(findings.slice(2).map(({ message }) => message)).toEqual([
        'joined, may post',
        'joined, may post',
        `may not post: raise the power level of ${world.bot.id} there to 50`,
      ]);
      await performUntilDone(connector, own, 'x');
      await performUntilDone(connector, shared, 'x');
      await expect(performUntilDone(connector, other, 'x')).rejects.toMatchObject({ code: 'WB_REJECTED' });
    });
  });

  test('mentions in every form that clients write, and replies, are recognised', async () => {
    await within(async (world, connector, host) => {
      const link = `https://matrix.to/#/${world.bot.id}`;
      const pill = { format: 'org.matrix.custom.html', formatted_body: `<a href="${link}">Watchbell</a> ack 3` };
      const mentions = { 'm.mentions': { user_ids: [world.bot.id] } };
      await synapse.say(world.ann, world.roomId, `[${world.bot.id}](${link}) ack 3`, { ...pill, ...mentions });
      await synapse.say(world.ann, world.roomId, `[Watchbell](<${link}>) ack 3`, pill);
      await synapse.say(world.ann, world.roomId, `"Watchbell" (${link}): ack 3`, pill);
      const alert = await performUntilDone(connector, world.room, 'an alert');
      const reply = { 'm.mentions': {}, 'm.relates_to': { 'm.in_reply_to': { event_id: alert } } };
      await synapse.say(world.ann, world.roomId, 'ack', reply);
      await host.until('all of them', () => host.events.length === 4);
      expect(host.events.slice(0, 3)).toMatchObject(
        Array.from({ length: 3 }, () => ({ text: 'ack 3', mentionsBot: true })),
      );
      expect(host.events[3]).toMatchObject({ text: 'ack', mentionsBot: false, replyTo: alert });
    });
  });

  test('an invitation to a configured room is accepted, even from before the start', async () => {
    await within(async (world) => {
      const name = randomUUID();
      const room = await synapse.createRoom(world.ann, `inv-${name}`, []);
      const alias = `#inv-${name}:real.test`;
      await synapse.request(world.ann, 'POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/invite`, {
        user_id: world.bot.id,
      });
      const other = await world.connect();
      const host = new RecordingHost([alias]);
      await other.start(host);
      await host.until('joined', () => host.memberships.some((one) => one.room === room && one.state === 'joined'));
      await other.stop();
    });
  });
});

describeReal("with Synapse's default rate limits", () => {
  beforeAll(async () => {
    synapse = await startSynapse({ limits: 'default' });
  }, 90_000);
  afterAll(() => synapse.stop());

  test('the eleventh message is rate-limited with a time to wait, and a repeat is not', async () => {
    const world = await realWorld();
    const connector = await world.connect();
    await connector.start(new RecordingHost([world.room]));
    try {
      const part = connector.render({ text: 'x' }, { ring: false })[0];
      const first = sendOf(world.room, part);
      const id = await connector.perform(first, never);
      let refused: { code?: string; retryAfterMs?: number } | undefined;
      for (let sent = 1; sent < 20 && !refused; sent += 1) {
        refused = await connector.perform(sendOf(world.room, part), never).then(
          () => undefined,
          (error: { code?: string; retryAfterMs?: number }) => error,
        );
        // Joining the room was one of the ten.
        if (refused) expect(sent).toBeGreaterThanOrEqual(9);
      }
      expect(refused).toMatchObject({ code: 'WB_RATE_LIMITED', bucket: 'account' });
      // The rest of the five seconds until the limit allows another message.
      expect(refused?.retryAfterMs).toBeGreaterThan(0);
      expect(refused?.retryAfterMs).toBeLessThanOrEqual(6000);
      expect(await connector.perform({ ...first, unknownTries: 1 }, never)).toBe(id);
    } finally {
      await connector.stop();
      await world.close();
    }
  });
});
