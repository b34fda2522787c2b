import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FakeHomeserver } from './homeserver.ts';
import type { Json } from './types.ts';

/** Methods that can be called from outside: `POST /_fake/say` with the arguments as a JSON list. */
export const CONTROLS = [
  'addUser',
  'logout',
  'createRoom',
  'invite',
  'join',
  'leave',
  'kick',
  'setState',
  'upgradeRoom',
  'setAlias',
  'setDirect',
  'say',
  'send',
  'react',
  'redact',
  'timeline',
  'shown',
  'mediaText',
  'membersOf',
  'roomsOf',
  'setRoomRate',
  'setRate',
  'fault',
  'chance',
  'clearFaults',
  'requestCounts',
] as const;

/** Lets another process control the homeserver. */
export function openControl(homeserver: FakeHomeserver): void {
  const calls: Readonly<Record<string, (...given: never[]) => unknown>> = {
    fault: (fault) => homeserver.faults.next(fault),
    chance: (chance) => homeserver.faults.chance(chance),
    clearFaults: () => homeserver.faults.clear(),
    requestCounts: () => homeserver.counts,
  };
  homeserver.control = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const name = (request.url ?? '').slice('/_fake/'.length).split('?')[0] ?? '';
    const finish = (status: number, value: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(value ?? null));
    };
    if (!(CONTROLS as readonly string[]).includes(name)) return finish(404, { error: `no such control: ${name}` });
    try {
      const given = JSON.parse(body === '' ? '[]' : body) as Json[];
      const own = calls[name];
      if (own) return finish(200, own(...(given as never[])));
      const method = homeserver[
        name as Exclude<(typeof CONTROLS)[number], 'fault' | 'chance' | 'clearFaults' | 'requestCounts'>
      ] as (...given: Json[]) => unknown;
      finish(200, method.apply(homeserver, given));
    } catch (error) {
      finish(400, { error: String(error) });
    }
  };
}
