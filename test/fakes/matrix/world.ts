import type { ConnectorWorld } from '../../../src/connectors/conformance/world.ts';
import type { Connector, ConnectorEnvironment, JsonValue } from '../../../src/connectors/connector.ts';
import { create } from '../../../src/connectors/matrix/index.ts';
import type { MatrixOptions } from '../../../src/connectors/matrix/options.ts';
import { createFakeHomeserver } from './homeserver.ts';
import type { FakeHomeserver } from './homeserver.ts';
import type { HomeserverOptions, RoomOptions } from './types.ts';

/** Durable state of one connector in memory, and secrets by name. */
export function memoryEnvironment(secrets: Readonly<Record<string, string>>): ConnectorEnvironment {
  const state = new Map<string, JsonValue>();
  const silent = (): void => {};
  return {
    name: 'matrix',
    botName: 'watchbell',
    secret: async (reference) => {
      const value = secrets['file' in reference ? reference.file : reference.env];
      if (value === undefined) throw new Error('no such secret');
      return await Promise.resolve(value);
    },
    state: {
      get: async (key) => await Promise.resolve(state.get(key)),
      set: async (key, value) => {
        state.set(key, structuredClone(value));
        await Promise.resolve();
      },
    },
    pages: { query: () => Promise.reject(new Error('there are no pages here')), changed: silent },
    log: { debug: silent, info: silent, warn: silent, error: silent },
  };
}

export interface MatrixWorld extends ConnectorWorld {
  readonly homeserver: FakeHomeserver;
  readonly roomId: string;
  say(text: string): Promise<string>;
  connect(options?: Partial<MatrixOptions>): Promise<Connector>;
}

/** The bot `@bell:fake.test` and Ann in `#ops:fake.test`. */
export async function createMatrixWorld(
  options: HomeserverOptions = {},
  room: Partial<RoomOptions> = {},
): Promise<MatrixWorld> {
  const homeserver = await createFakeHomeserver(options);
  const bot = homeserver.addUser('bell', {
    token: 'bot-token',
    deviceId: 'BELL',
    displayName: 'Watchbell',
    password: 'pw',
  });
  homeserver.addUser('ann', { displayName: 'Ann Li' });
  homeserver.addUser('bob', { displayName: 'Bob' });
  const roomId = homeserver.createRoom({ creator: 'ann', members: ['bell', 'bob'], alias: 'ops', ...room });
  const environment = memoryEnvironment({ token: bot.token, password: 'pw' });
  return {
    homeserver,
    roomId,
    room: '#ops:fake.test',
    accountId: bot.id,
    missing: '$nothing-has-this-id',
    connect: (more) => create({ homeserver: homeserver.url, token: { file: 'token' }, ...more }, environment),
    say: async (text) => await Promise.resolve(homeserver.say('ann', roomId, text)),
    shown: async () =>
      await Promise.resolve(
        homeserver.shown(roomId).map(({ id, text, sender, reactions }) => ({
          id,
          text,
          mine: sender === bot.id,
          reactions: reactions.map(({ emoji }) => emoji),
        })),
      ),
    react: async (target, emoji) => await Promise.resolve(homeserver.react('ann', roomId, target, emoji)),
    unreact: async (reaction) => {
      homeserver.redact('ann', roomId, reaction);
      await Promise.resolve();
    },
    refuseNext: async () => await Promise.resolve(homeserver.faults.next({ kind: 'limited', retryAfterMs: 1500 })),
    loseNextAnswer: async () => await Promise.resolve(homeserver.faults.next({ kind: 'errorAfter' })),
    hangNext: async () => await Promise.resolve(homeserver.faults.next({ kind: 'hang' })),
    lockOut: async () => await Promise.resolve(homeserver.logout('bell')),
    people: ['@ann:fake.test', '@bob:fake.test'],
    peopleOf: async (at) => await Promise.resolve([...homeserver.store.room(at).members.keys()]),
    rename: async (name) => {
      homeserver.addUser('ann', { displayName: name });
      homeserver.join('ann', roomId);
      await Promise.resolve();
    },
    loseNextOpening: async () =>
      await Promise.resolve(homeserver.faults.next({ kind: 'errorAfter', on: ['createRoom'] })),
    goOffline: () => homeserver.close(),
    goOnline: () => homeserver.listen(),
    close: () => homeserver.close(),
  };
}
