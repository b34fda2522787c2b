import { map, type Json } from '../fakes/slack/json.ts';
import { createFakeSlack } from '../fakes/slack/slack.ts';
import type { Fault as Armed } from '../fakes/slack/types.ts';
import { describeFaults } from './fault-table.ts';
import type { Fault, FaultyPlatform } from './faults.ts';

const NEW = { gone: 'report a missing target for something new' };
const WITHOUT_TOKEN = { unauthorised: 'reject the token for a URL that needs none' };
/** An executed request is found before it is retried, so only one meets the fault. */
const FOUND = { lost: 1, cut: 1 } as const;
/** For files and pictures: their names are shown instead. */
const IN_WORDS = { rejected: 'given up' } as const;
const UPLOADS = { unordered: ['limited'] } as const;

describeFaults({
  name: 'slack',
  start,
  calls: [
    // With an unknown outcome that cannot be looked up, it is not retried. If rejected, the answer is sent another way.
    {
      call: 'response_url',
      scenario: 'private answer',
      cannot: { ...NEW, ...WITHOUT_TOKEN },
      outcomes: { error: 'given up', html: 'given up', hang: 'given up', rejected: 'shown' },
      times: { error: 1, html: 1, ...FOUND },
    },
    { call: 'chat.postMessage', scenario: 'new message', cannot: NEW, times: FOUND },
    { call: 'conversations.history', scenario: 'new message whose first response was lost', cannot: NEW },
    { call: 'chat.postMessage', scenario: 'reply in a thread', outcomes: { gone: 'shown' }, times: FOUND },
    { call: 'chat.update', scenario: 'edit' },
    { call: 'chat.delete', scenario: 'delete', times: FOUND },
    { call: 'files.getUploadURLExternal', scenario: 'file', cannot: NEW, outcomes: IN_WORDS, ...UPLOADS },
    {
      call: 'upload',
      scenario: 'file',
      cannot: { ...NEW, ...WITHOUT_TOKEN, rejected: 'reject an upload to a URL that it issued' },
      ...UPLOADS,
    },
    { call: 'files.info', scenario: 'file', cannot: NEW, outcomes: IN_WORDS, ...UPLOADS },
    { call: 'files.completeUploadExternal', scenario: 'file', cannot: NEW, times: FOUND, ...UPLOADS },
    { call: 'files.getUploadURLExternal', scenario: 'picture', cannot: NEW, outcomes: IN_WORDS },
    { call: 'conversations.open', scenario: 'direct conversation', cannot: NEW },
    { call: 'conversations.open', scenario: 'group conversation', cannot: NEW },
    { call: 'conversations.members', scenario: 'members', cannot: NEW },
    {
      call: 'apps.connections.open',
      scenario: 'receiving after the connection was cut',
      cannot: NEW,
      outcomes: { rejected: 'shown' },
    },
    { call: 'auth.test', scenario: 'start after a rejected token', cannot: NEW, outcomes: { rejected: 'shown' } },
  ],
});

const KINDS: Readonly<Record<Fault, Armed>> = {
  limited: { kind: 'limited', retryAfterSeconds: 1 },
  error: { kind: 'error' },
  html: { kind: 'html' },
  hang: { kind: 'hang' },
  cut: { kind: 'half' },
  lost: { kind: 'dropAfter' },
  rejected: { kind: 'refuse', error: 'restricted_action' },
  gone: { kind: 'refuse', error: 'message_not_found' },
  unauthorised: { kind: 'unauthorised' },
};

/** The alternative text of a picture. */
const altOf = (block: Json): string[] => {
  const { type, alt_text: alt } = map(block);
  return type === 'image' ? [String(alt)] : [];
};

async function start(now: () => number): Promise<FaultyPlatform> {
  // Without metadata subscriptions, events do not show which request posted a message, so it has to be looked up.
  const slack = await createFakeSlack({ now });
  const { faults, admin, people, workspace } = slack;
  const bot = workspace.app.userId;
  admin.addUser('ann', { displayName: 'Ann' });
  const room = admin.addChannel('ops', { members: ['ann', bot] });
  return {
    type: 'slack',
    options: { botToken: { file: 'bot' }, appToken: { file: 'app' }, slashCommand: '/bell', apiUrl: slack.apiUrl },
    secrets: { bot: slack.botToken, app: slack.appToken },
    room,
    arm: (fault, call, times) => faults.next({ ...KINDS[fault], times, on: [call] }),
    disarm: () => faults.clear(),
    get armed() {
      return faults.waiting;
    },
    get met() {
      return faults.met;
    },
    shown: (at) =>
      admin
        .shown(at, 'ann')
        .filter(({ user }) => user === bot)
        .flatMap(({ text, files, blocks }) => {
          const media = [...files.map(({ title }) => title), ...blocks.flatMap(altOf)];
          return media.length > 0 ? media.map((title) => `file ${title}`) : [text];
        }),
    say: (text) => void people.say('ann', room, text),
    command: (words) => void people.command('ann', room, '/bell', words),
    lose: () => faults.next({ kind: 'dropAfter', on: ['chat.postMessage'] }),
    cut: () => slack.sockets.cut(),
    restart: () => faults.next({ kind: 'unauthorised', on: ['chat.postMessage'] }),
    account: (name) => admin.addUser(name, { displayName: name }),
    close: async () => {
      slack.events.close();
      await slack.close();
    },
  };
}
