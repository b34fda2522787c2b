import { fork, type ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramOrder } from './program.ts';

export interface ProgramOptions {
  readonly config: string;
  readonly secrets: string;
  readonly databaseUrl: string;
  readonly port: number;
  readonly opsPort: number;
  /** File for its log. */
  readonly logFile?: string;
  /** Node options, for example for a small heap. */
  readonly execArgv?: readonly string[];
}

/** One replica: the real program in its own process, which a test can kill, stop, crash at a given point, and restart. */
export class ProgramProcess {
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #ready = false;
  #exited: Promise<void> = Promise.resolve();
  #shiftMs = 0;
  /** Number of crashes. */
  deaths = 0;
  /** Number of unexpected exits; should be 0. */
  failures: string[] = [];
  #expectDeath = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  get opsUrl(): string {
    return `http://127.0.0.1:${this.#options.opsPort}`;
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get isReady(): boolean {
    return this.#ready && this.isAlive;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; resolves when it is up or has exited. */
  async start(): Promise<void> {
    const { config, secrets, databaseUrl, port, opsPort, logFile, execArgv = [] } = this.#options;
    this.#ready = false;
    this.#expectDeath = false;
    const child = fork(join(import.meta.dirname, 'program.ts'), [config], {
      env: {
        PATH: process.env['PATH'],
        WATCHBELL_SECRETS: secrets,
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        OPS_PORT: String(opsPort),
        LOG_LEVEL: 'info',
        NODE_COMPILE_CACHE: join(secrets, '.compile-cache'),
      },
      execArgv: [...execArgv],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said.push(text);
        if (said.length > 50) said.shift();
        if (logFile) appendFileSync(logFile, text);
      });
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.deaths++;
        if (signal !== 'SIGKILL' && !this.#expectDeath)
          this.failures.push(`exit ${code ?? signal}: ${said.slice(-5).join('')}`);
        resolve();
      });
    });
    if (this.#shiftMs !== 0) this.order({ shiftMs: this.#shiftMs });
    await Promise.race([
      this.#exited,
      new Promise<void>((resolve) => {
        child.on('message', () => {
          this.#ready = true;
          resolve();
        });
      }),
    ]);
  }

  order(order: ProgramOrder): void {
    if (order.shiftMs !== undefined) this.#shiftMs = order.shiftMs;
    if (this.#child?.connected) this.#child.send(order, () => {});
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGSTOP: it does not run, but keeps what it holds. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM, a graceful stop. */
  async stop(): Promise<void> {
    this.#expectDeath = true;
    this.#child?.kill('SIGTERM');
    await this.#exited;
  }

  /** Resolves when it has exited. */
  gone(): Promise<void> {
    return this.#exited;
  }
}
