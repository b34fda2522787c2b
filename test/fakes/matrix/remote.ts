import { spawn } from 'node:child_process';
import type { FakeHomeserver } from './homeserver.ts';
import { CONTROLS } from './control.ts';
import type { Chance, Endpoint, Fault, HomeserverOptions } from './types.ts';

type Same =
  | 'addUser'
  | 'logout'
  | 'createRoom'
  | 'invite'
  | 'join'
  | 'leave'
  | 'kick'
  | 'setState'
  | 'upgradeRoom'
  | 'setAlias'
  | 'setDirect'
  | 'say'
  | 'send'
  | 'react'
  | 'redact'
  | 'timeline'
  | 'shown'
  | 'mediaText'
  | 'membersOf'
  | 'roomsOf'
  | 'setRoomRate'
  | 'setRate';

/** A fake homeserver in another process; every call is one request. */
export type RemoteHomeserver = {
  readonly [K in Same]: (...given: Parameters<FakeHomeserver[K]>) => Promise<ReturnType<FakeHomeserver[K]>>;
} & {
  readonly url: string;
  fault(fault: Fault): Promise<void>;
  chance(chance: Chance): Promise<void>;
  clearFaults(): Promise<void>;
  requestCounts(): Promise<Partial<Record<Endpoint, number>>>;
  /** Stops the process, if this module started it. */
  close(): Promise<void>;
};

/** Connects to a running `main.ts`. */
export function connectFakeHomeserver(url: string, close: () => Promise<void> = async () => {}): RemoteHomeserver {
  const call = async (name: string, given: unknown[]): Promise<unknown> => {
    const response = await fetch(`${url}/_fake/${name}`, { method: 'POST', body: JSON.stringify(given) });
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${name}: ${JSON.stringify(body)}`);
    return body;
  };
  const calls = Object.fromEntries(CONTROLS.map((name) => [name, (...given: unknown[]) => call(name, given)]));
  return { ...calls, url, close } as unknown as RemoteHomeserver;
}

/** Starts `main.ts` as a process that exits with this one at the latest. */
export async function spawnFakeHomeserver(options: Omit<HomeserverOptions, 'now'> = {}): Promise<RemoteHomeserver> {
  const main = new URL('./main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (printed.includes('\n')) resolve(printed.trim());
    });
    void exited.then(() => reject(new Error('the fake homeserver exited at once')));
  });
  return connectFakeHomeserver(url, async () => {
    child.kill('SIGKILL');
    await exited;
  });
}
