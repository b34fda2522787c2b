import { createInterface, type Interface } from 'node:readline';
import { Writable, type Readable } from 'node:stream';

export interface TerminalStreams {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Ctrl-C, Ctrl-D or the end of the input: there is no answer. */
export class InputEnded extends Error {
  readonly code = 'WB_INPUT_ENDED';
}

/** Asks one question at a time. Reading starts with the first question, so without questions no terminal is needed. */
export class Terminal {
  readonly #streams: TerminalStreams;
  /** Lines that were pasted or piped ahead of their question. */
  readonly #lines: string[] = [];
  #reader: Interface | undefined;
  #ended = false;
  #isMuted = false;
  #onChange = (): void => {};

  constructor(streams: TerminalStreams) {
    this.#streams = streams;
  }

  /** Whether somebody is there to answer. */
  get isInteractive(): boolean {
    return this.#streams.input.isTTY === true && this.#streams.output.isTTY === true;
  }

  print(text: string): void {
    this.#streams.output.write(`${text}\n`);
  }

  /** Resolves to what was typed, trimmed; `secret`: without showing it. @throws {InputEnded} */
  async ask(prompt: string, { secret = false }: { readonly secret?: boolean } = {}): Promise<string> {
    const reader = (this.#reader ??= this.#open());
    if (secret) this.#streams.output.write(prompt);
    this.#isMuted = secret;
    reader.setPrompt(secret ? '' : prompt);
    reader.prompt();
    try {
      return (await this.#nextLine()).trim();
    } finally {
      this.#isMuted = false;
      if (secret) this.print('');
    }
  }

  close(): void {
    this.#reader?.close();
  }

  async #nextLine(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#ended) throw new InputEnded('the input ended');
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  #open(): Interface {
    const { input, output } = this.#streams;
    const screen = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#isMuted) output.write(chunk);
        done();
      },
    });
    // Without a history, the arrow keys cannot bring back a secret.
    const reader = createInterface({
      ...{ input, output: Object.assign(screen, { columns: output.columns }) },
      ...{ terminal: true, historySize: 0 },
    });
    reader.on('line', (line) => {
      this.#lines.push(line);
      this.#onChange();
    });
    reader.on('SIGINT', () => reader.close());
    reader.on('close', () => {
      this.#ended = true;
      this.#onChange();
    });
    return reader;
  }
}
