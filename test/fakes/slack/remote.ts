import { spawn } from 'node:child_process';
import { OWN, PARTS } from './control.ts';
import type { FakeSlack } from './slack.ts';
import type { SlackOptions } from './types.ts';

type Remote<T> = {
  readonly [K in keyof T as T[K] extends (...given: never[]) => unknown ? K : never]: T[K] extends (
    ...given: infer Given
  ) => infer Value
    ? (...given: Given) => Promise<Awaited<Value>>
    : never;
};

/** A fake Slack in another process; every call is one request. */
export type RemoteSlack = { readonly [K in (typeof PARTS)[number]]: Remote<FakeSlack[K]> } & Pick<
  Remote<FakeSlack>,
  (typeof OWN)[number]
> & {
    readonly url: string;
    /** For `slackApiUrl`. */
    readonly apiUrl: string;
    /** Ends the process, if this module started it. */
    close(): Promise<void>;
  };

/** Connects to a running `main.ts`. */
export function connectFakeSlack(url: string, close: () => Promise<void> = async () => {}): RemoteSlack {
  const call = async (name: string, given: unknown[]): Promise<unknown> => {
    const response = await fetch(`${url}/_fake/${name}`, { method: 'POST', body: JSON.stringify(given) });
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${name}: ${JSON.stringify(body)}`);
    return body;
  };
  const part = (name: string): unknown =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          (...given: unknown[]) =>
            call(`${name}.${String(method)}`, given),
      },
    );
  const parts = Object.fromEntries(PARTS.map((name) => [name, part(name)]));
  const own = Object.fromEntries(OWN.map((name) => [name, (...given: unknown[]) => call(name, given)]));
  return { ...parts, ...own, url, apiUrl: `${url}/api/`, close } as unknown as RemoteSlack;
}

/** Starts `main.ts` as a process that ends with this one at the latest. */
export async function spawnFakeSlack(options: Omit<SlackOptions, 'now'> = {}): Promise<RemoteSlack> {
  const main = new URL('./main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (printed.includes('\n')) resolve(printed.trim());
    });
    void exited.then(() => reject(new Error('the fake Slack exited during startup')));
  });
  return connectFakeSlack(url, async () => {
    child.kill('SIGKILL');
    await exited;
  });
}
