import { randomUUID } from 'node:crypto';
import { describeConnector, type ConnectorWorld } from '../../src/connectors/conformance.ts';
import type { RouteRequest } from '../../src/connectors/connector.ts';
import { memoryEnvironment } from '../fakes/matrix/world.ts';
import { create } from './connector.ts';
import { lines } from './platform.ts';
import { SIGNATURE_HEADER, signatureOf } from './route.ts';
import { LineServer } from './server.ts';

const options = { port: 0, token: { file: 'token' } };
const room = 'lobby';

async function createLineWorld(): Promise<ConnectorWorld> {
  const server = new LineServer();
  await server.listen();
  const environment = memoryEnvironment({ token: server.token });
  return {
    ...{ room, accountId: server.account, missing: 'none', people: ['ann', 'bob'] as const },
    connect: () => create({ ...options, port: server.port }, environment),
    say: async (text) => server.say(room, 'ann', text),
    shown: async (account) => server.shown(room, account).map((one) => ({ ...one, reactions: [] })),
    press: async (target, index) => server.press(room, 'ann', target, index),
    refuseNext: async () => void (server.next = 'slow'),
    loseNextAnswer: async () => void (server.next = 'lose'),
    hangNext: async () => void (server.next = 'hang'),
    lockOut: async () => server.lockOut(),
    goOffline: () => server.close(),
    goOnline: () => server.listen(),
    async posted(text) {
      const said = { number: 0, id: randomUUID(), room, by: 'ann', text, at: new Date().toISOString() };
      const rawBody = Buffer.from(JSON.stringify(said));
      const signed = (token: string): RouteRequest => ({
        ...{ rawBody, query: new URLSearchParams(), remoteAddress: '127.0.0.1' },
        headers: { [SIGNATURE_HEADER]: signatureOf(token, rawBody) },
      });
      const event = { type: 'message', id: said.id, text } as const;
      return { path: '', genuine: signed(server.token), forged: signed('guessed'), event };
    },
    close: () => server.close(),
  };
}

describeConnector({
  name: 'lines',
  capabilities: lines.capabilities(options),
  cannot: ['rename people', 'echo changes'],
  setUp: createLineWorld,
});
