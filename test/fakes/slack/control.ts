import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from './json.ts';
import type { FakeSlack } from './slack.ts';

/** What may be called from outside: `POST /_fake/people.say` with the arguments as a JSON list. */
export const PARTS = ['people', 'admin', 'events', 'sockets', 'faults'] as const;
export const OWN = ['setLimits', 'setRequestUrl', 'verifyUrl', 'requestCounts'] as const;

/** Opens the workspace to another process. */
export function openControl(slack: FakeSlack): void {
  slack.control = (_request: IncomingMessage, response: ServerResponse, path: string, body: string): void => {
    const finish = (status: number, value: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(value ?? null));
    };
    void call(slack, path.slice('/_fake/'.length), JSON.parse(body === '' ? '[]' : body) as Json[]).then(
      (value) => finish(200, value),
      (error: unknown) => finish(400, { error: String(error) }),
    );
  };
}

async function call(slack: FakeSlack, name: string, given: readonly Json[]): Promise<unknown> {
  const [first = '', second] = name.split('.');
  if (second === undefined && !(OWN as readonly string[]).includes(first)) throw new Error(`no such control: ${name}`);
  if (second !== undefined && !(PARTS as readonly string[]).includes(first))
    throw new Error(`no such control: ${name}`);
  const owner: unknown = second === undefined ? slack : slack[first as (typeof PARTS)[number]];
  const method: unknown = (owner as Record<string, unknown>)[second ?? first];
  if (typeof method !== 'function') throw new Error(`no such control: ${name}`);
  return (await Reflect.apply(method as (...args: Json[]) => unknown, owner, [...given])) as unknown;
}
