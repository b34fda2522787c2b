import { createFakeHomeserver } from '../fakes/matrix/homeserver.ts';
import type { Endpoint, Fault as Armed } from '../fakes/matrix/types.ts';
import { describeFaults } from './fault-table.ts';
import type { Fault, FaultyPlatform } from './faults.ts';

const NEW = { gone: 'say that the target of something new is gone' };
/** What was done is found before it is done again. */
const FOUND = { lost: 1, cut: 1 } as const;

describeFaults({
  name: 'matrix',
  start,
  calls: [
    { call: 'send', deed: 'new message', cannot: NEW },
    // Its thread is gone: it is shown outside.
    { call: 'send', deed: 'reply in a thread', outcomes: { gone: 'shown' } },
    { call: 'edit', deed: 'edit' },
    { call: 'redact', deed: 'delete' },
    { call: 'react', deed: 'reaction', outcomes: { limited: 'given up', rejected: 'given up' }, times: { limited: 1 } },
    { call: 'upload', deed: 'file', cannot: NEW, outcomes: { rejected: 'given up' } },
    { call: 'upload', deed: 'picture', cannot: NEW, outcomes: { rejected: 'given up' } },
    { call: 'directory', deed: 'direct conversation', cannot: NEW },
    { call: 'createRoom', deed: 'direct conversation', cannot: NEW, times: FOUND },
    { call: 'invite', deed: 'direct conversation that the person has left', cannot: NEW, times: FOUND },
    { call: 'createRoom', deed: 'group conversation', cannot: NEW, times: FOUND },
    { call: 'joined_members', deed: 'members', cannot: NEW },
    { call: 'sync', deed: 'hearing', cannot: NEW, outcomes: { rejected: 'shown' } },
    { call: 'whoami', deed: 'start after a rejected token', cannot: NEW, outcomes: { rejected: 'shown' } },
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
