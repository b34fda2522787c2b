import type { ConnectorWorld } from '../../../src/connectors/conformance/world.ts';
import type { Connector, ConnectorEnvironment, JsonValue } from '../../../src/connectors/connector.ts';
import type { SlackOptions as ConnectorOptions } from '../../../src/connectors/slack/options.ts';
import { slackOptions } from '../../../src/connectors/slack/options.ts';
import { slack as platform } from '../../../src/connectors/slack/platform.ts';
import { EMOJIS, emojiOf } from './emoji.ts';
import { unescape } from './mrkdwn.ts';
import { sign } from './requests.ts';
import { createFakeSlack } from './slack.ts';
import type { FakeSlack } from './slack.ts';
import type { ShownMessage, SlackOptions } from './types.ts';

/** How the bot receives events. */
export type EventsBy = 'socket' | 'http';

export interface SlackWorld extends ConnectorWorld {
  readonly slack: FakeSlack;
  /** Of Ann and Bob. */
  readonly people: readonly [string, string];
  say(text: string): Promise<string>;
  connect(more?: Partial<ConnectorOptions>): Promise<Connector>;
}

const WRITES = [
  'chat.postMessage',
  'chat.postEphemeral',
  'chat.update',
  'chat.delete',
  'reactions.add',
  'reactions.remove',
  'response_url',
];

/** The bot, Ann and Bob in the channel `ops`, and the user group `oncall`. */
export async function createSlackWorld(by: EventsBy = 'socket', options: SlackOptions = {}): Promise<SlackWorld> {
  const slack = await createFakeSlack({ metadataSubscriptions: ['watchbell'], ...options });
  const ann = slack.admin.addUser('ann', { displayName: 'Ann Li' });
  const bob = slack.admin.addUser('bob', { displayName: 'Bob' });
  const room = slack.admin.addChannel('ops', { members: ['ann', 'bob', slack.workspace.app.userId] });
  slack.admin.addGroup('oncall', ['ann']);
  const environment = memoryEnvironment({
    bot: slack.botToken,
    app: slack.appToken,
    signing: slack.signingSecret,
  });
  const idOf = (ts: string): string => `${room}:${ts}`;
  const tsOf = (id: string): string => id.slice(id.lastIndexOf(':') + 1);
  const fail = (kind: 'limited' | 'dropAfter' | 'hang', on = WRITES): Promise<void> =>
    Promise.resolve(slack.faults.next({ kind, on, retryAfterSeconds: 2 }));
  const seen = (message: ShownMessage) => ({
    id: idOf(message.ts),
    text: [
      message.text,
      ...message.blocks.map((block) => JSON.stringify(block)),
      ...message.files.map(({ title }) => title),
    ]
      .map(unescape)
      .join('\n'),
    mine: message.user === slack.workspace.app.userId,
    reactions: message.reactions.flatMap(({ name, users }) => users.map(() => emojiOf(name) ?? `:${name}:`)),
  });
  return {
    slack,
    room,
    accountId: slack.workspace.app.userId,
    people: [ann, bob],
    missing: idOf('1700000000.000001'),
    connect: (more) =>
      platform.create(
        slackOptions.parse({
          botToken: { file: 'bot' },
          ...(by === 'socket' ? { appToken: { file: 'app' } } : { signingSecret: { file: 'signing' } }),
          slashCommand: '/bell',
          apiUrl: slack.apiUrl,
          ...more,
        }),
        environment,
      ),
    say: (text) => Promise.resolve(idOf(slack.people.say('ann', room, text))),
    shown: (account) =>
      Promise.resolve(
        slack.admin
          .shown(room, account)
          .filter(({ user, botId, text }) => botId !== null || !text.startsWith(`<@${user}> `))
          .map(seen),
      ),
    react: (target, emoji) => {
      const name = EMOJIS[emoji] ?? emoji;
      slack.people.react('ann', room, tsOf(target), name);
      return Promise.resolve(JSON.stringify([tsOf(target), name]));
    },
    unreact: (reaction) => {
      const [ts, name] = JSON.parse(reaction) as [string, string];
      return Promise.resolve(slack.people.unreact('ann', room, ts, name));
    },
    press: (target, index) => slack.people.press('ann', room, tsOf(target), index),
    command: (words) => slack.people.command('ann', room, '/bell', words),
    refuseNext: () => fail('limited'),
    loseNextAnswer: () => fail('dropAfter'),
    hangNext: () => fail('hang'),
    lockOut: () => Promise.resolve(slack.admin.refuseTokens('invalid_auth')),
    goOffline: () => slack.close(),
    goOnline: () => slack.listen(),
    rename: (name) => Promise.resolve(slack.admin.renameUser('ann', name)),
    peopleOf: (at) => Promise.resolve(slack.admin.membersOf(at)),
    loseNextOpening: () => fail('dropAfter', ['conversations.open']),
    topicOf: (at) => Promise.resolve(unescape(slack.admin.topicOf(at))),
    groupOf: (group) => Promise.resolve(slack.admin.groupOf(group)),
    posted: (text) => {
      const ts = slack.workspace.newTs();
      const event = { type: 'message', user: ann, text, ts, event_ts: ts, channel: room, channel_type: 'channel' };
      const { headers, body } = slack.signedEvent(event);
      const request = { headers, rawBody: Buffer.from(body), query: new URLSearchParams(), remoteAddress: '127.0.0.1' };
      return Promise.resolve({
        path: '',
        genuine: request,
        forged: { ...request, headers: { ...headers, ...sign('another secret', body, Date.now()) } },
        event: { type: 'message', id: idOf(ts), room, text },
      });
    },
    close: async () => {
      slack.events.close();
      await slack.close();
    },
  };
}

/** Durable state of one connector in memory, and secrets by name. */
function memoryEnvironment(secrets: Readonly<Record<string, string>>): ConnectorEnvironment {
  const state = new Map<string, JsonValue>();
  const silent = (): void => {};
  return {
    name: 'acme',
    botName: 'watchbell',
    secret: (reference) => {
      const value = secrets['file' in reference ? reference.file : reference.env];
      return value === undefined ? Promise.reject(new Error('no such secret')) : Promise.resolve(value);
    },
    state: {
      get: (key) => Promise.resolve(state.get(key)),
      set: (key, value) => Promise.resolve(void state.set(key, structuredClone(value))),
    },
    pages: { query: () => Promise.reject(new Error('there are no pages here')), changed: silent },
    log: { debug: silent, info: silent, warn: silent, error: silent },
  };
}
