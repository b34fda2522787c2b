import { describeConnector, type ConnectorWorld } from '../../src/connectors/conformance.ts';
import { memoryEnvironment } from '../fakes/matrix/world.ts';
import { create } from './connector.ts';
import { lines } from './platform.ts';
import { LineServer } from './server.ts';

const options = { port: 0, token: { file: 'token' } };
const room = 'lobby';

async function createLineWorld(): Promise<ConnectorWorld> {
  const server = new LineServer();
  await server.listen();
  const environment = memoryEnvironment({ token: server.token });
  return {
    ...{ room, accountId: server.account, missing: 'none' },
    connect: () => create({ ...options, port: server.port }, environment),
    say: async (text) => server.say(room, 'ann', text),
    shown: async () => server.shown(room).map((one) => ({ ...one, reactions: [] })),
    refuseNext: async () => void (server.next = 'slow'),
    loseNextAnswer: async () => void (server.next = 'lose'),
    hangNext: async () => void (server.next = 'hang'),
    lockOut: async () => server.lockOut(),
    goOffline: () => server.close(),
    goOnline: () => server.listen(),
    close: () => server.close(),
  };
}

describeConnector({
  name: 'lines',
  capabilities: lines.capabilities(options),
  cannot: ['rename people', 'post to routes'],
  setUp: createLineWorld,
});
