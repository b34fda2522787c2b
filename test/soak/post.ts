import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramProcess } from '../harness/process.ts';

export interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Posted {
  readonly status: number;
  readonly text: string;
  /** Number of retries. */
  readonly repeats: number;
}

/** Whether the sender must retry; default: on 5xx, like Alertmanager. */
export type Again = (status: number, type: string) => boolean;

/** Posts to random replicas, and retries if one dies, until there is a final answer. */
export async function postUntilTaken(
  replicas: readonly ProgramProcess[],
  { path, headers, body }: Post,
  random: () => number,
  again: Again = (status) => status >= 500,
): Promise<Posted> {
  for (let repeats = 0; repeats < 400; repeats++) {
    const ready = replicas.filter((replica) => replica.isReady);
    const replica = ready[Math.floor(random() * ready.length)];
    const answer = replica && (await ask(`${replica.url}${path}`, { method: 'POST', body, headers }));
    if (answer && !again(answer.status, answer.type)) return { ...answer, repeats };
    await sleep(100);
  }
  throw new Error(`no replica answered a request to ${path} for 40 s`);
}

/** Undefined: the replica died, or was frozen. */
async function ask(url: string, { headers, ...request }: { method: string; body: string; headers: Post['headers'] }) {
  try {
    const response = await fetch(url, {
      ...request,
      headers: { 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(5000),
    });
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, type, text: await response.text() };
  } catch {
    return undefined;
  }
}
