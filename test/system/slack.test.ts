/** A bot on Slack, over Socket Mode and over HTTP. */
import { defineSkill } from '../../src/skill.ts';
import { startTestBot, type TestBot } from '../../src/testing/index.ts';
import { createFakeSlack, type FakeSlack } from '../fakes/slack/slack.ts';
import { until } from '../harness/until.ts';

const bell = defineSkill({
  name: 'bell',
  commands: {
    'ring {n:int}': {
      help: 'rings',
      run: ({ post, args, room }) =>
        post(room, `ring:${args.n}`, {
          title: `Ring ${args.n}`,
          actions: [{ label: 'Got it', emoji: '👀', command: `got ${args.n}` }],
        }),
    },
    'got {n:int}': {
      help: 'stops it',
      run: ({ post, args, room, sender }) =>
        post(room, `ring:${args.n}`, { title: `${args.n}: ${sender.name} has it` }),
    },
    'who am i': { help: 'answers in private', visibility: 'asker', run: ({ sender }) => `you are ${sender.name}` },
    'how loud': { help: 'answers', run: () => 'loud' },
  },
});

let slack: FakeSlack;
let channel: string;
let ann: string;

beforeEach(async () => {
  slack = await createFakeSlack({ metadataSubscriptions: ['watchbell'] });
  ann = slack.admin.addUser('ann', { displayName: 'Ann Li' });
  channel = slack.admin.addChannel('ops', { members: ['bell', 'ann'] });
});
afterEach(async () => {
  slack.events.close();
  await slack.close();
});

function start(events: Record<string, unknown>, sharedWith?: TestBot): Promise<TestBot> {
  return startTestBot({
    skills: [bell],
    secrets: { bot: slack.botToken, app: slack.appToken, signing: slack.signingSecret },
    config: {
      connectors: {
        memory: {},
        acme: { type: 'slack', botToken: { file: 'bot' }, slashCommand: '/bell', apiUrl: slack.apiUrl, ...events },
      },
      people: { li: { name: 'Ann Li', accounts: { acme: ann } } },
      rooms: { lobby: { in: { memory: 'lobby', acme: channel } } },
    },
    ...(sharedWith && { sharedWith }),
  });
}

const shown = (user?: string): string[] => slack.admin.shown(channel, user).map(({ text }) => text);
const ofBot = (): string[] => shown().filter((text) => !text.includes('<@'));
const say = (words: string): string => slack.people.say('ann', channel, `${slack.people.mention('bell')} ${words}`);
const connected = (bot: TestBot): Promise<void> =>
  until(async () => (await bot.query(`select 1 from cursors where connector = 'acme'`)).length > 0);

test('messages and button presses are handled once, even if responses and events are lost', async () => {
  await using bot = await start({ appToken: { file: 'app' } });
  await connected(bot);
  slack.events.duplicate(2);
  slack.faults.next({ kind: 'dropAfter', on: ['chat.postMessage'] });
  say('ring 1');
  await until(() => ofBot().length === 1);
  await bot.settle();
  expect(ofBot()).toEqual(['Ring 1']);

  const alert = slack.admin.shown(channel).find(({ text }) => text === 'Ring 1');
  await slack.people.press('ann', channel, alert?.ts ?? '', 0);
  await until(() => ofBot().join() === '1: Ann Li has it');

  slack.events.drop(true);
  say('how loud');
  slack.events.drop(false);
  slack.sockets.cut();
  await until(() => ofBot().includes('loud'));
  await bot.settle();
  expect(ofBot()).toEqual(['1: Ann Li has it', 'loud']);
});

test('a slash command is answered to the person who typed it', async () => {
  await using bot = await start({ appToken: { file: 'app' } });
  await connected(bot);
  await slack.people.command('ann', channel, '/bell', 'who am i');
  await until(() => shown('ann').length === 1);
  await bot.settle();
  expect([shown('ann'), shown()]).toEqual([['you are Ann Li'], []]);
  const elsewhere = slack.admin.addChannel('elsewhere', { members: ['ann'] });
  await slack.people.command('ann', elsewhere, '/bell', 'how loud');
  await until(() => slack.admin.shown(elsewhere, ann).length === 1);
  expect(slack.admin.shown(elsewhere, ann)[0]?.text).toContain('not in my configuration');
});

test('over HTTP any replica accepts events, and each event is handled once', async () => {
  const events = { signingSecret: { file: 'signing' } };
  await using bot = await start(events);
  await using other = await start(events, bot);
  await connected(bot);
  for (const [n, to] of [bot, other, bot, other].entries()) {
    slack.setRequestUrl(`http://127.0.0.1:${to.app.port}/webhooks/slack/acme`);
    slack.events.duplicate();
    say(`ring ${n}`);
    await until(() => slack.events.pending() === 0);
  }
  await until(() => ofBot().length === 4);
  const alert = slack.admin.shown(channel).find(({ text }) => text === 'Ring 2');
  await slack.people.press('ann', channel, alert?.ts ?? '', 0);
  await until(() => ofBot().includes('2: Ann Li has it'));
  await bot.settle();
  expect(ofBot().toSorted()).toEqual(['2: Ann Li has it', 'Ring 0', 'Ring 1', 'Ring 3']);
});

test('a revoked token stops only this connector', async () => {
  await using bot = await start({ appToken: { file: 'app' } });
  await connected(bot);
  slack.admin.uninstall();
  const isUp = async (): Promise<boolean> => {
    const metrics = await fetch(`http://127.0.0.1:${bot.app.opsPort}/metrics`).then((answer) => answer.text());
    return !metrics.includes('watchbell_connector_up{connector="acme"} 0');
  };
  await until(async () => !(await isUp()));
  expect(await bot.say('how loud')).toEqual(['loud']);
});
