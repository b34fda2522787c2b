import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { LineServer, Mode, Whisper } from './server.ts';

/** A call to the server in the other process. */
export interface LineCall {
  readonly number: number;
  readonly name: 'say' | 'shown' | 'whispers' | 'chance' | 'clearFaults';
  readonly given: readonly unknown[];
}

/** A server of the line protocol in a separate process. */
export interface RemoteLineServer {
  readonly port: number;
  readonly token: string;
  say(...given: Parameters<LineServer['say']>): Promise<string>;
  shown(room: string): Promise<ReturnType<LineServer['shown']>>;
  whispers(): Promise<readonly Whisper[]>;
  /** From now on requests fail randomly in these ways, and earlier entries are sent again on each connection. */
  chance(seed: number, odds: Partial<Record<Mode, number>>): Promise<void>;
  clearFaults(): Promise<void>;
  close(): void;
}

interface Reply {
  readonly number: number;
  readonly answer: unknown;
}

export async function spawnLineServer(): Promise<RemoteLineServer> {
  const child = fork(join(import.meta.dirname, 'main.ts'));
  const place = await new Promise<{ port: number; token: string }>((resolve, reject) => {
    child.once('message', (listening) => resolve(listening as { port: number; token: string }));
    child.once('exit', () => reject(new Error('the server of the line protocol exited at once')));
  });
  const waiting = new Map<number, (answer: unknown) => void>();
  child.on('message', (reply) => {
    const { number, answer } = reply as Reply;
    waiting.get(number)?.(answer);
    waiting.delete(number);
  });
  let number = 0;
  const call = <T>(name: LineCall['name'], ...given: unknown[]): Promise<T> =>
    new Promise((resolve) => {
      waiting.set(++number, (answer) => resolve(answer as T));
      child.send({ number, name, given } satisfies LineCall);
    });
  return {
    ...place,
    say: (...given) => call('say', ...given),
    shown: (room) => call('shown', room),
    whispers: () => call('whispers'),
    chance: (...given) => call('chance', ...given),
    clearFaults: () => call('clearFaults'),
    close: () => void child.kill('SIGKILL'),
  };
}
