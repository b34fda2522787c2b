import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, freePort, type TestDatabase } from '../harness/postgres.ts';
import { ProgramProcess } from '../harness/process.ts';
import { alertmanagerMissing, startAlertmanager, type Alertmanager } from './alertmanager.ts';
import { startSynapse, synapseMissing, type Synapse, type SynapseUser } from './synapse.ts';

const missing = (await synapseMissing()) ?? (await alertmanagerMissing());
if (missing) console.warn(`SKIPPED: the complete bot with real servers: ${missing}`);

/** Alertmanager, the program on Postgres, Synapse, and a person with an account. */
interface Whole {
  readonly synapse: Synapse;
  readonly alertmanager: Alertmanager;
  readonly bell: ProgramProcess;
  readonly ann: SynapseUser;
  readonly bot: SynapseUser;
  readonly room: string;
  readonly database: TestDatabase;
  stop(): Promise<void>;
}

async function startWhole(limits: 'none' | 'default'): Promise<Whole> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-whole-'));
  const synapse = await startSynapse({ limits });
  const [bot, ann] = [await synapse.addUser('bell'), await synapse.addUser('ann', 'Ann')];
  const room = await synapse.createRoom(ann, 'ops', [bot]);
  const database = await createDatabase();
  const secrets = join(directory, 'secrets');
  await mkdir(secrets);
  await writeFile(join(secrets, 'matrix-token'), bot.token);
  await writeFile(join(secrets, 'alerts-token'), 'a-token-for-the-test');
  const config = join(directory, 'watchbell.yaml');
  await writeFile(
    config,
    JSON.stringify({
      connectors: { matrix: { homeserver: synapse.url, token: { file: 'matrix-token' } } },
      rooms: { ops: { in: { matrix: `#ops:${synapse.serverName}` } } },
      people: { ann: { name: 'Ann', accounts: { matrix: ann.id }, groups: ['admins'] } },
      skills: {
        alerts: {
          sources: { default: { tokens: [{ file: 'alerts-token' }] } },
          route: { rooms: ['ops'], policy: 'page' },
          policies: { page: { remindEvery: '30m' } },
        },
      },
    }),
  );
  const bell = new ProgramProcess({
    config,
    secrets,
    databaseUrl: database.url,
    port: await freePort(),
    opsPort: await freePort(),
    logFile: join(directory, 'log'),
  });
  await bell.start();
  const alertmanager = await startAlertmanager({
    url: `${bell.url}/webhooks/alertmanager`,
    token: 'a-token-for-the-test',
  });
  return {
    synapse,
    alertmanager,
    bell,
    ann,
    bot,
    room,
    database,
    async stop() {
      await bell.stop();
      await alertmanager.stop();
      await synapse.stop();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The bot's messages as Ann's client shows them, with edits applied. */
async function seen(whole: Whole): Promise<{ id: string; text: string }[]> {
  const filter = encodeURIComponent(JSON.stringify({ types: ['m.room.message'] }));
  const { chunk } = (await whole.synapse.request(
    whole.ann,
    'GET',
    `/_matrix/client/v3/rooms/${encodeURIComponent(whole.room)}/messages?dir=b&limit=100&filter=${filter}`,
  )) as {
    chunk: {
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
  for (const { event_id: id, sender, content } of chunk.toReversed()) {
    if (sender !== whole.bot.id) continue;
    const relation = content['m.relates_to'];
    if (relation?.rel_type === 'm.replace' && relation.event_id)
      shown.set(relation.event_id, content['m.new_content']?.body ?? content.body);
    else shown.set(id, content.body);
  }
  return [...shown].map(([id, text]) => ({ id, text }));
}

async function until(
  whole: Whole,
  what: string,
  holds: (messages: { id: string; text: string }[]) => boolean,
  withinMs = 30_000,
): Promise<{ id: string; text: string }[]> {
  for (const deadline = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const messages = await seen(whole);
    if (holds(messages)) return messages;
    if (Date.now() > deadline)
      throw new Error(
        `${what}: not within ${withinMs / 1000} s. The room shows:\n${messages.map((message) => message.text).join('\n---\n')}`,
      );
  }
}

const has =
  (pattern: RegExp) =>
  (messages: { text: string }[]): boolean =>
    messages.some(({ text }) => pattern.test(text));

for (const limits of ['none', 'default'] as const) {
  const name = `an alert goes from Alertmanager to the room, is acknowledged there, and is resolved, ${limits === 'none' ? 'unthrottled' : "with Synapse's own rate limits"}`;
  (missing ? test.skip : test)(
    name,
    async () => {
      const whole = await startWhole(limits);
      try {
        const labels = {
          alertname: 'KubePodCrashLooping',
          severity: 'critical',
          namespace: 'payments',
          pod: 'api-7c9',
        };
        const startedAt = new Date(Date.now() - 60_000);
        await whole.alertmanager.alert(labels, {
          annotations: { summary: 'api-7c9 restarted 6 times in 10 min' },
          startedAt,
        });
        await until(whole, 'the alert is shown', has(/🔴 CRITICAL .*KubePodCrashLooping #1\n.*restarted 6 times/s));
        await whole.synapse.say(whole.ann, whole.room, '!ack 1 looking');
        await until(whole, 'the acknowledgement is shown', has(/🟠 ACKED by Ann/));
        await whole.alertmanager.alert(labels, { ended: true, startedAt });
        const shown = await until(whole, 'the end is shown', has(/🟢 RESOLVED after .*Ann.*KubePodCrashLooping #1/));
        expect(
          shown.filter(({ text }) => text.includes('KubePodCrashLooping #1') && /CRITICAL|RESOLVED|ACKED/.test(text)),
        ).toHaveLength(1);
      } finally {
        await whole.stop();
      }
    },
    120_000,
  );
}

(missing ? test.skip : test)(
  "with Synapse's default limits and a kill in the middle, each of 60 alerts in a storm is shown once",
  async () => {
    const whole = await startWhole('default');
    try {
      for (let index = 0; index < 60; index++) {
        const body = {
          version: '4',
          status: 'firing',
          receiver: 'x',
          groupKey: `{}:{n="${index}"}`,
          alerts: [
            {
              status: 'firing',
              labels: { alertname: `Storm${index}x`, severity: 'warning' },
              annotations: {},
              startsAt: new Date().toISOString(),
              endsAt: '0001-01-01T00:00:00Z',
            },
          ],
        };
        const response = await fetch(`${whole.bell.url}/webhooks/alertmanager`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { authorization: 'Bearer a-token-for-the-test' },
        });
        expect(response.status).toBe(200);
      }
      await whole.bell.kill();
      await whole.bell.start();
      const all = Array.from({ length: 60 }, (_, index) => `Storm${index}x`);
      const messages = await until(
        whole,
        'all 60 are named',
        (shown) => all.every((alert) => shown.some(({ text }) => text.includes(`${alert} #`))),
        90_000,
      );
      for (const alert of all)
        expect([alert, messages.filter(({ text }) => text.includes(`${alert} #`)).length]).toEqual([alert, 1]);
    } finally {
      await whole.stop();
    }
  },
  180_000,
);
