/** One bot in a room that is on Matrix and on Slack. */
import { join } from 'node:path';
import alerts from '../../skills/alerts/index.ts';
import { samplePayload } from '../../skills/alerts/sample.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { createFakeHomeserver, type FakeHomeserver } from '../fakes/matrix/homeserver.ts';
import { createFakeSlack, type FakeSlack } from '../fakes/slack/slack.ts';
import { until } from '../harness/until.ts';

const BELL = '@bell:fake.test';

let homeserver: FakeHomeserver;
let slack: FakeSlack;
let bot: TestBot;
let room: string;
let channel: string;
let oncall: string;
let crew: string;

beforeEach(async () => {
  homeserver = await createFakeHomeserver();
  const { token } = homeserver.addUser('bell', { displayName: 'Watchbell' });
  homeserver.addUser('ann', { displayName: 'Ann (Matrix)' });
  homeserver.addUser('bob', { displayName: 'Bob' });
  room = homeserver.createRoom({ creator: 'ann', members: ['bell', 'bob'], alias: 'ops' });
  oncall = homeserver.createRoom({ creator: 'bob', members: ['bell'], alias: 'oncall' });
  slack = await createFakeSlack({ metadataSubscriptions: ['watchbell'] });
  const ann = slack.admin.addUser('ann', { displayName: 'ann.slack' });
  channel = slack.admin.addChannel('ops', { members: ['bell', 'ann'] });
  crew = slack.admin.addChannel('crew', { members: ['bell', 'ann'] });
  bot = await startTestBot({
    skills: [alerts],
    migrations: { alerts: join(import.meta.dirname, '../../skills/alerts/migrations') },
    options: {
      alerts: {
        sources: { prod: { tokens: [{ file: 'alerts' }] } },
        route: { rooms: ['ops'], policy: 'page' },
        policies: { page: { remindEvery: '30m', ackTimeout: '4h' } },
      },
    },
    secrets: { token, alerts: 'secret', bot: slack.botToken, app: slack.appToken },
    config: {
      connectors: {
        memory: {},
        matrix: { homeserver: homeserver.url, token: { file: 'token' }, opsRoom: 'lobby' },
        acme: {
          type: 'slack',
          botToken: { file: 'bot' },
          appToken: { file: 'app' },
          apiUrl: slack.apiUrl,
          opsRoom: 'crew',
        },
      },
      rooms: {
        ops: { in: { matrix: '#ops:fake.test', acme: channel }, failover: 'oncall' },
        crew: { in: { acme: crew }, failover: 'oncall' },
        oncall: { in: { matrix: '#oncall:fake.test' } },
        lobby: { in: { memory: 'lobby' } },
      },
      people: { li: { name: 'Ann Li', accounts: { matrix: '@ann:fake.test', acme: ann } } },
    },
  });
  await until(
    async () => (await bot.query(`select 1 from cursors where connector in ('matrix', 'acme')`)).length === 2,
  );
});
afterEach(async () => {
  await bot.stop();
  slack.events.close();
  await slack.close();
  await homeserver.close();
});

const STARTED = new Date();
const post = (status: 'firing' | 'resolved') =>
  bot.webhook('alertmanager/prod', samplePayload({ status, startsAt: STARTED, labels: { pod: 'api-1' } }), 'secret');
/** The bot's messages outside threads, oldest first. */
const inRoom = (id: string): string[] =>
  homeserver.shown(id).flatMap(({ sender, text, thread }) => (sender === BELL && thread === null ? [text] : []));
const onMatrix = () => inRoom(room);
const onSlack = () =>
  slack.admin.shown(channel).flatMap(({ botId, text, thread }) => (botId !== null && thread === null ? [text] : []));
const inCrew = () => slack.admin.shown(crew).map(({ text }) => text);
const newestOnSlack = () => slack.admin.shown(channel).findLast(({ blocks }) => JSON.stringify(blocks).includes('Ack'));
const newestOnMatrix = () => homeserver.shown(room).findLast(({ sender, text }) => sender === BELL && ALERT.test(text));
const ALERT = /KubePodCrashLooping #1\n(?!continued)/;
/** First lines of the copies of the alert that are not continued below, times left out. */
const copies = (texts: readonly string[]): string[] =>
  texts
    .filter((text) => ALERT.test(text))
    .map((text) => (text.split('\n')[0] ?? '').replace(/ (until|after) [^·,]+(?= ·|,)/, ''));
/** Both platforms show one copy of the alert, and it begins so. */
async function bothShow(matrix: string, onTheOther: string): Promise<void> {
  await until(() => copies(onMatrix()).join().startsWith(matrix) && copies(onSlack()).join().startsWith(onTheOther));
  await bot.settle();
  expect(copies(onMatrix())).toEqual([`${matrix} payments KubePodCrashLooping #1`]);
  expect(copies(onSlack())).toEqual([`${onTheOther} payments KubePodCrashLooping #1`]);
}

test('an alert in a room on two platforms is one alert, and both copies show what happens on either', async () => {
  await post('firing');
  await post('firing');
  await bothShow('🔴 CRITICAL', ':red_circle: CRITICAL');

  await slack.people.press('ann', channel, newestOnSlack()?.ts ?? '', 0);
  await bothShow('🟠 ACKED by Ann Li ·', ':large_orange_circle: ACKED by Ann Li ·');
  expect(onMatrix()).toHaveLength(1);

  homeserver.say('ann', room, '!ack 1');
  await until(() => onMatrix().some((text) => text.startsWith('You have had #1 since')));

  homeserver.say('ann', room, '!unack 1');
  await bothShow('🔴 CRITICAL', ':red_circle: CRITICAL');
  expect(onSlack().filter((text) => text.endsWith('continued below ⤵'))).toHaveLength(1);

  homeserver.react('bob', room, newestOnMatrix()?.id ?? '', '👀');
  await bothShow('🟠 ACKED by Bob ·', ':large_orange_circle: ACKED by Bob ·');
  await slack.people.press('ann', channel, newestOnSlack()?.ts ?? '', 0);
  await until(() => [...onMatrix(), ...onSlack()].filter((text) => text.includes('by Bob, with Ann Li')).length === 2);

  await post('resolved');
  await bothShow('🟢 RESOLVED, Bob ·', ':large_green_circle: RESOLVED, Bob ·');
});

test('a channel on Slack that removed the bot has its failover on Matrix, which rings once and follows until Slack shows the alert', async () => {
  slack.people.kick('ann', channel, 'bell');
  await post('firing');
  await until(() => copies(inRoom(oncall)).length === 1);
  expect(inRoom(oncall)[0]).toMatch(
    /^🔴 CRITICAL .*\ncould not be shown in ops on acme: the bot is not in the channel: invite it with \/invite/,
  );
  expect(copies(onMatrix())).toHaveLength(1);
  expect(inCrew()).toEqual([
    expect.stringMatching(/^I am no longer in ops on acme\. Invite me again/),
    expect.stringMatching(/^I cannot post in ops on acme: the bot is not in the channel/),
  ]);

  const [copy] = homeserver.shown(oncall).filter(({ sender }) => sender === BELL);
  homeserver.react('bob', oncall, copy?.id ?? '', '👀');
  await until(() => copies(inRoom(oncall))[0]?.startsWith('🟠 ACKED by Bob') === true);
  await until(() => copies(onMatrix())[0]?.startsWith('🟠 ACKED by Bob') === true);
  await bot.settle();
  expect(copies(inRoom(oncall))).toHaveLength(1);
  expect(inRoom(oncall).filter((text) => text.endsWith('continued below ⤵'))).toEqual([]);

  homeserver.say('ann', room, '!unack 1');
  await until(() => inRoom(oncall).some((text) => text.includes('continued below ⤵')));
  await until(() => copies(inRoom(oncall))[0]?.startsWith('🔴 CRITICAL') === true);

  slack.people.invite('ann', channel, 'bell');
  await post('resolved');
  await until(() => copies(onSlack())[0]?.includes('RESOLVED') === true);
  await until(() => inRoom(oncall).some((text) => text.endsWith('now shown in ops on acme')));
  await bot.settle();
  expect(copies(inRoom(oncall))).toEqual(['RESOLVED · payments KubePodCrashLooping #1']);
});

test('while Slack rejects the token, that is reported in the failover of an ops room on Slack, and alerts appear in theirs', async () => {
  slack.admin.refuseTokens('token_revoked');
  slack.sockets.cut();
  await until(() => inRoom(oncall).length > 0);
  expect(inRoom(oncall)).toEqual([
    expect.stringMatching(
      /^acme: Slack no longer accepts the token \(token_revoked\): reinstall the app .* Messages are kept until it works again\./,
    ),
  ]);

  const { status } = await fetch(`http://127.0.0.1:${bot.app.port}/webhooks/alertmanager/prod`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
    body: JSON.stringify(samplePayload({ startsAt: STARTED, labels: { pod: 'api-1' } })),
  });
  expect(status).toBe(200);
  await until(() => copies(onMatrix()).length === 1);
  await until(() => {
    bot.pass(1000);
    return copies(inRoom(oncall)).length > 0;
  });
  expect(inRoom(oncall)[1]).toMatch(
    /^🔴 CRITICAL .*\ncould not be shown in ops on acme: Slack no longer accepts the token/,
  );
  expect(onSlack()).toEqual([]);

  slack.admin.refuseTokens(null);
  bot.pass(30_000);
  await until(() => copies(onSlack()).length === 1);
  await until(() => inRoom(oncall).some((text) => text.endsWith('now shown in ops on acme')));
});
