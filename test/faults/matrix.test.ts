import { createFakeHomeserver } from '../fakes/matrix/homeserver.ts';
import type { Endpoint, Fault as Armed } from '../fakes/matrix/types.ts';
import { describeFaults } from './fault-table.ts';
import type { Fault, FaultyPlatform } from './faults.ts';

const NEW = { gone: 'report a missing target for something new' };
/** An executed request is found before it is retried, so only one meets the fault. */
const FOUND = { lost: 1, cut: 1 } as const;

describeFaults({
  name: 'matrix',
  start,
  calls: [
    { call: 'send', scenario: 'new message', cannot: NEW },
    // If its thread is gone, it is shown outside it.
    { call: 'send', scenario: 'reply in a thread', outcomes: { gone: 'shown' } },
    { call: 'edit', scenario: 'edit' },
    { call: 'redact', scenario: 'delete' },
    {
      call: 'react',
      scenario: 'reaction',
      outcomes: { limited: 'given up', rejected: 'given up' },
      times: { limited: 1 },
    },
    { call: 'upload', scenario: 'file', cannot: NEW, outcomes: { rejected: 'given up' } },
    { call: 'upload', scenario: 'picture', cannot: NEW, outcomes: { rejected: 'given up' } },
    { call: 'directory', scenario: 'direct conversation', cannot: NEW },
    { call: 'createRoom', scenario: 'direct conversation', cannot: NEW, times: FOUND },
    { call: 'invite', scenario: 'direct conversation that the person has left', cannot: NEW, times: FOUND },
    { call: 'createRoom', scenario: 'group conversation', cannot: NEW, times: FOUND },
    { call: 'joined_members', scenario: 'members', cannot: NEW },
    { call: 'sync', scenario: 'receiving', cannot: NEW, outcomes: { rejected: 'shown' } },
    { call: 'whoami', scenario: 'start after a rejected token', cannot: NEW, outcomes: { rejected: 'shown' } },
  ],
});

const KINDS: Readonly<Record<Fault, Armed>> = {
  limited: { kind: 'limited', retryAfterMs: 1000 },
  error: { kind: 'error' },
  html: { kind: 'html' },
  hang: { kind: 'hang' },
  cut: { kind: 'cutAfter' },
  lost: { kind: 'dropAfter' },
  rejected: { kind: 'refuse', refusal: { status: 403, errcode: 'M_FORBIDDEN', error: 'Not allowed by a module' } },
  gone: {
    kind: 'refuse',
    refusal: { status: 400, errcode: 'M_UNKNOWN', error: "Can't send relation to unknown event" },
  },
  unauthorised: { kind: 'unauthorised' },
};

const MEDIA = new Set(['m.file', 'm.image']);

async function start(now: () => number): Promise<FaultyPlatform> {
  const homeserver = await createFakeHomeserver({ now });
  const { token } = homeserver.addUser('bell', { displayName: 'Watchbell' });
  homeserver.addUser('ann', { displayName: 'Ann' });
  const room = homeserver.createRoom({ creator: 'ann', members: ['bell'], alias: 'ops' });
  return {
    type: 'matrix',
    options: { homeserver: homeserver.url, token: { file: 'token' } },
    secrets: { token },
    room: '#ops:fake.test',
    arm: (fault, call, times) =>
      homeserver.faults.next({ ...KINDS[fault], times, user: '@bell:fake.test', on: [call as Endpoint] }),
    disarm: () => homeserver.faults.clear(),
    get armed() {
      return homeserver.faults.waiting;
    },
    get met() {
      return homeserver.faults.met;
    },
    shown: (at) =>
      homeserver
        .shown(at.startsWith('!') ? at : room)
        .filter(({ sender }) => sender === '@bell:fake.test')
        .map(({ text, msgtype, reactions }) =>
          [...(MEDIA.has(msgtype) ? ['file'] : []), text, ...reactions.map(({ emoji }) => emoji)].join(' '),
        ),
    leave: (account) => {
      for (const one of homeserver.roomsOf(account)) homeserver.leave(account, one);
    },
    restart: () => homeserver.faults.next({ kind: 'unauthorised', on: ['sync'] }),
    say: (text) => void homeserver.say('ann', room, text),
    account: (name) => homeserver.addUser(name).id,
    close: () => homeserver.close(),
  };
}
