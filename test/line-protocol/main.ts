// The server of the line protocol as a separate process, controlled over IPC by `remote.ts`; it exits with its parent.
import { seeded } from '../fakes/matrix/faults.ts';
import type { LineCall } from './remote.ts';
import { LineServer, type Mode } from './server.ts';

const MODES: readonly Mode[] = ['slow', 'lose', 'hang', 'cut'];

const server = new LineServer();
server.slowMs = 300;
await server.listen();
const calls: { readonly [Name in LineCall['name']]: (given: never) => unknown } = {
  say: ([room, by, text]: [string, string, string]) => server.say(room, by, text),
  shown: ([room]: [string]) => server.shown(room),
  whispers: () => server.whispers,
  chance: ([seed, odds]: [number, Partial<Record<Mode, number>>]) => {
    const random = seeded(seed);
    server.repeats = 3;
    server.usually = () => {
      let dice = random();
      return MODES.find((mode) => (dice -= odds[mode] ?? 0) < 0) ?? 'ordinary';
    };
  },
  clearFaults: () => void (server.usually = () => 'ordinary'),
};
process.on('message', ({ number, name, given }: LineCall) => {
  process.send?.({ number, answer: calls[name](given as never) });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ port: server.port, token: server.token });
