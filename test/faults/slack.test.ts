import { map, type Json } from '../fakes/slack/json.ts';
import { createFakeSlack } from '../fakes/slack/slack.ts';
import type { Fault as Armed } from '../fakes/slack/types.ts';
import { describeFaults } from './fault-table.ts';
import type { Fault, FaultyPlatform } from './faults.ts';

const NEW = { gone: 'say that the target of something new is gone' };
const WITHOUT_TOKEN = { unauthorised: 'reject the token of an address that needs none' };
/** What was done is found before it is done again. */
const FOUND = { lost: 1, cut: 1 } as const;
/** Of files and pictures: their names are shown instead. */
const IN_WORDS = { rejected: 'given up' } as const;
const UPLOADS = { unordered: ['limited'] } as const;

describeFaults({
  name: 'slack',
  start,
  calls: [
    // Whether it was seen is unknown, and cannot be looked up: it is not repeated. If it is rejected, it goes another way.
    {
      call: 'response_url',
      deed: 'private answer',
      cannot: { ...NEW, ...WITHOUT_TOKEN },
      outcomes: { error: 'given up', html: 'given up', hang: 'given up', rejected: 'shown' },
      times: { error: 1, html: 1, ...FOUND },
    },
    { call: 'chat.postMessage', deed: 'new message', cannot: NEW, times: FOUND },
    { call: 'conversations.history', deed: 'new message whose first response was lost', cannot: NEW },
    { call: 'chat.postMessage', deed: 'reply in a thread', outcomes: { gone: 'shown' }, times: FOUND },
    { call: 'chat.update', deed: 'edit' },
    { call: 'chat.delete', deed: 'delete', times: FOUND },
    { call: 'files.getUploadURLExternal', deed: 'file', cannot: NEW, outcomes: IN_WORDS, ...UPLOADS },
    {
      call: 'upload',
      deed: 'file',
      cannot: { ...NEW, ...WITHOUT_TOKEN, rejected: 'reject the bytes that it gave an address for' },
      ...UPLOADS,
    },
    { call: 'files.info', deed: 'file', cannot: NEW, outcomes: IN_WORDS, ...UPLOADS },
    { call: 'files.completeUploadExternal', deed: 'file', cannot: NEW, times: FOUND, ...UPLOADS },
    { call: 'files.getUploadURLExternal', deed: 'picture', cannot: NEW, outcomes: IN_WORDS },
    { call: 'conversations.open', deed: 'direct conversation', cannot: NEW },
    { call: 'conversations.open', deed: 'group conversation', cannot: NEW },
    { call: 'conversations.members', deed: 'members', cannot: NEW },
    {
      call: 'apps.connections.open',
      deed: 'hearing after the connection was cut',
      cannot: NEW,
      outcomes: { rejected: 'shown' },
    },
    { call: 'auth.test', deed: 'start after a rejected token', cannot: NEW, outcomes: { rejected: 'shown' } },
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

/** Of a picture. */
const altOf = (block: Json): string[] => {
  const { type, alt_text: alt } = map(block);
  return type === 'image' ? [String(alt)] : [];
};

async function start(now: () => number): Promise<FaultyPlatform> {
  // Without subscriptions, events do not tell which request made a message: it must be looked up.
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
