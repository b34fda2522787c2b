/**
 * A chat platform of JSON lines over TCP: `{ hello }` is answered with `{ welcome }`, each `{ ask, … }` with `{ answer, … }`;
 * messages and presses arrive as `{ said }` with an increasing number, or are posted over HTTP.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '../../src/chat/message.ts';
import { Gone, keyText, RateLimited, Unauthorised, Unreachable } from '../../src/connectors/connector.ts';
import type { Connector, ConnectorEnvironment, ConnectorHost } from '../../src/connectors/connector.ts';
import type { IncomingEvent, Operation, Part, RenderOptions, Route } from '../../src/connectors/connector.ts';
import { lines, type LineOptions } from './platform.ts';
import { render } from './render.ts';
import { postedRoute } from './route.ts';
import { eventOf, type Said } from './said.ts';

const AGAIN_MS = 50;

interface Answer {
  readonly answer: number;
  readonly id?: string;
  readonly refused?: 'slow' | 'gone' | 'token';
  readonly waitMs?: number;
}

/** A connection after the server's welcome, at which time `newest` was the newest entry. */
interface Line {
  readonly socket: Socket;
  readonly account: string;
  readonly newest: number;
  readonly said: AsyncIterable<string>;
}

export async function create(options: LineOptions, environment: ConnectorEnvironment): Promise<Connector> {
  return new LineConnector(options, environment);
}

class LineConnector implements Connector {
  readonly capabilities = lines.capabilities({ port: 0, token: { env: 'NONE' } });
  readonly routes: readonly Route[];
  readonly #options: LineOptions;
  readonly #secret: ConnectorEnvironment['secret'];
  readonly #stopping = new AbortController();
  readonly #waiting = new Map<number, (answer: Answer | Error) => void>();
  #line: Line | undefined;
  #running: Promise<void> = Promise.resolve();
  #asked = 0;

  constructor(options: LineOptions, { secret }: ConnectorEnvironment) {
    this.#options = options;
    this.#secret = secret;
    this.routes = [postedRoute(() => secret(options.token))];
  }

  async start(host: ConnectorHost): Promise<void> {
    this.#running = this.#run(host, await this.#connect(host.cursor));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#line?.socket.destroy();
    await this.#running;
  }

  render(message: Message, options: RenderOptions): Part[] {
    return render(message, options);
  }

  async perform(operation: Operation, signal: AbortSignal): Promise<string> {
    const { type, room, key } = operation;
    const answer = await this.#ask(
      {
        ...{ do: type, room, key: keyText(key) },
        ...('part' in operation && operation.part.body),
        ...('to' in operation && { only: operation.to?.accountId }),
        ...('target' in operation && { target: operation.target }),
      },
      signal,
    );
    if (answer.refused === 'slow') throw new RateLimited('account', answer.waitMs ?? 1000);
    if (answer.refused === 'gone') throw new Gone();
    if (answer.refused === 'token') throw new Unauthorised('the server does not know this token any more');
    if (answer.id === undefined) throw new Error('the response of the server has no id');
    return answer.id;
  }

  #ask(what: object, signal: AbortSignal): Promise<Answer> {
    const line = this.#line;
    if (!line?.socket.writable) return Promise.reject(new Unreachable('there is no connection to the server'));
    const number = ++this.#asked;
    return new Promise<Answer>((resolve, reject) => {
      const end = (answer: Answer | Error): void => {
        this.#waiting.delete(number);
        signal.removeEventListener('abort', give);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      const give = (): void => end(new Error('this request timed out'));
      this.#waiting.set(number, end);
      signal.addEventListener('abort', give);
      line.socket.write(`${JSON.stringify({ ask: number, ...what })}\n`);
    });
  }

  async #connect(cursor: string | null): Promise<Line> {
    const token = await this.#secret(this.#options.token);
    const socket = connect(this.#options.port, '127.0.0.1');
    socket.on('error', () => {}); // `close` follows
    this.#stopping.signal.addEventListener('abort', () => socket.destroy(), { once: true });
    if (this.#stopping.signal.aborted) socket.destroy();
    socket.write(`${JSON.stringify({ hello: token, since: cursor === null ? null : Number(cursor) })}\n`);
    const reader = createInterface({ input: socket });
    reader.on('error', () => {}); // it also gets the socket's errors
    socket.on('close', () => reader.close());
    const said = reader[Symbol.asyncIterator]();
    const first = await said.next().catch(() => undefined);
    if (!first || first.done || this.#stopping.signal.aborted) throw new Unreachable('the server does not answer');
    const { welcome, newest } = JSON.parse(first.value) as { welcome?: string; newest: number };
    if (welcome === undefined) throw new Unauthorised('the server does not know this token');
    this.#line = { socket, account: welcome, newest, said: { [Symbol.asyncIterator]: () => said } };
    return this.#line;
  }

  /** Listens until it is stopped, reconnecting as needed. */
  async #run(host: ConnectorHost, first: Line): Promise<void> {
    const { signal } = this.#stopping;
    // Messages from before the first start are ignored.
    let cursor = host.cursor ?? String(first.newest);
    if (host.cursor === null) await this.#offer(host, [], cursor);
    for (let line: Line | undefined = first; !signal.aborted;) {
      if (line) {
        host.state(true);
        cursor = await this.#listen(host, line, cursor);
        host.state(false);
        for (const end of this.#waiting.values()) end(new Error('the connection was cut'));
      }
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
      line = await this.#connect(cursor).catch(() => undefined);
    }
  }

  async #listen(host: ConnectorHost, { account, said }: Line, since: string): Promise<string> {
    let cursor = since;
    let offering: Promise<void> = Promise.resolve();
    try {
      for await (const row of said) {
        const heard = JSON.parse(row) as Answer | { said: Said };
        if ('answer' in heard) this.#waiting.get(heard.answer)?.(heard);
        // Answers do not have to wait for events that are being stored.
        else offering = offering.then(async () => void (cursor = await this.#hear(host, account, heard.said, cursor)));
      }
    } catch {
      // the connection was cut
    }
    await offering;
    return cursor;
  }

  async #hear(host: ConnectorHost, account: string, said: Said, since: string): Promise<string> {
    const cursor = String(said.number);
    if (said.by !== account) return (await this.#offer(host, [eventOf(said)], cursor)) ? cursor : since;
    const [uuid = '', count = ''] = said.key?.split('.') ?? [];
    if (said.key !== undefined) await host.echo({ uuid, count: Number(count) }, said.id).catch(() => {});
    return (await this.#offer(host, [], cursor)) ? cursor : since;
  }

  /** Retries until it is stored, or the connector is stopped. */
  async #offer(host: ConnectorHost, events: readonly IncomingEvent[], cursor: string): Promise<boolean> {
    while (!this.#stopping.signal.aborted) {
      try {
        await host.receive(events, cursor);
        return true;
      } catch {
        await sleep(AGAIN_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
    return false;
  }
}
