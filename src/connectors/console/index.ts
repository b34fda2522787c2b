import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Message } from '../../chat/message.ts';
import { keyText, type Connector, type ConnectorHost, type IncomingEvent, type JsonObject } from '../connector.ts';
import { console } from './platform.ts';
import { printMessage } from './print.ts';

export interface ConsoleStreams {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  /** Handles Ctrl-C, which a terminal in line-editing mode does not deliver to the process. */
  readonly interrupt?: () => void;
}

const REMEMBERED_KEYS = 1_000;
const RETRY_MS = 1_000;
const DEFAULT_ROOM = 'console';

export function create(): Connector {
  return createConsoleConnector({
    input: process.stdin,
    output: process.stdout,
    interrupt: () => process.kill(process.pid, 'SIGINT'),
  });
}

/** The terminal as a room: typed lines are direct messages of the local user, and messages are printed. */
export function createConsoleConnector({ input, output, interrupt }: ConsoleStreams): Connector {
  const isTerminal = output.isTTY === true;
  const done = new Set<string>();
  const stopping = new AbortController();
  let reader: Interface | undefined;
  let offering: Promise<void> = Promise.resolve();

  function print(text: string): void {
    // Prints above the line being typed.
    output.write(isTerminal && reader ? `\r\u001b[K${text}\n` : `${text}\n`);
    if (isTerminal) reader?.prompt(true);
  }

  /** Offers a line until it is stored; a repeat has the same uuid. */
  async function offer(host: ConnectorHost, event: IncomingEvent): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await host.receive([event], null);
        return;
      } catch (error) {
        host.log.debug({ error }, 'typed line could not be stored; retrying');
        await pause(RETRY_MS, stopping.signal);
      }
    }
  }

  return {
    capabilities: console.capabilities({}),

    async start(host) {
      const room = host.rooms()[0] ?? DEFAULT_ROOM;
      reader = createInterface({
        input,
        ...(isTerminal ? { output, terminal: true, prompt: '› ' } : { terminal: false }),
      });
      reader.on('line', (line) => {
        const text = line.trim();
        if (isTerminal) reader?.prompt();
        if (text === '') return;
        const event = typed(text, room, host.now());
        offering = offering.then(() => offer(host, event));
      });
      reader.on('SIGINT', () => interrupt?.());
      // After the end of input (`< /dev/null`), messages are still printed.
      reader.on('close', () => (reader = undefined));
      host.state(true);
      if (isTerminal) reader.prompt();
    },

    async stop() {
      stopping.abort();
      reader?.close();
      await offering;
    },

    render(message) {
      const text = JSON.stringify({ message });
      return [{ body: JSON.parse(text) as JsonObject, bytes: Buffer.byteLength(text) }];
    },

    async perform(operation) {
      const key = keyText(operation.key);
      const id = 'target' in operation ? operation.target : key;
      if (done.has(key)) return id;
      if (operation.type === 'send') print(printMessage(messageIn(operation.part.body), isTerminal));
      else if (operation.type === 'edit') print(printMessage(messageIn(operation.part.body), isTerminal, 'changed'));
      else if (operation.type === 'delete') print('(a message was deleted)');
      done.add(key);
      if (done.size > REMEMBERED_KEYS) done.delete(done.values().next().value ?? '');
      return id;
    },
  };
}

function typed(text: string, room: string, at: Date): IncomingEvent {
  return {
    type: 'message',
    id: randomUUID(),
    room,
    direct: true,
    sender: { accountId: 'local', name: 'Local user', bot: false, guest: false },
    at,
    text,
    mentionsBot: false,
  };
}

/** The message from `render`. */
function messageIn(body: JsonObject): Message {
  return body['message'] as unknown as Message;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
