import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepTrack } from './child.ts';
import { monotonicMs } from './clock.ts';

export const REPOSITORY = join(import.meta.dirname, '../..');

/** Same as in `npm start`: a smaller young generation saves 5 MB, with no measurable cost. */
export const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2'];

export interface ProgramSetting {
  /** Directory for configuration, secrets, log and compile cache. */
  readonly directory: string;
  readonly databaseUrl: string;
  readonly port: number;
  readonly opsPort: number;
  /** Where a CPU profile and statement times are written at exit; undefined: no profile. */
  readonly profileDirectory?: string | undefined;
  /** Shared by all programs of a run, because the image ships it warm. */
  readonly compileCache: string;
}

/** The real program, started like `npm start`: `node FLAGS bin/watchbell.js run`. */
export class Program {
  readonly #setting: ProgramSetting;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #said = '';

  constructor(setting: ProgramSetting) {
    this.#setting = setting;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#setting.port}`;
  }

  get opsUrl(): string {
    return `http://127.0.0.1:${this.#setting.opsPort}`;
  }

  /** Resolves when it is ready, to the milliseconds that took. @throws with the end of its log if it exits instead. */
  async start(): Promise<number> {
    const { directory, databaseUrl, port, opsPort, profileDirectory, compileCache } = this.#setting;
    const profiling = profileDirectory === undefined ? [] : ['--import', join(import.meta.dirname, 'profiled.ts')];
    const begunMs = monotonicMs();
    const entry = join(REPOSITORY, 'bin/watchbell.js');
    const config = join(directory, 'watchbell.yaml');
    const child = spawn(process.execPath, [...FLAGS, ...profiling, entry, 'run', '--config', config], {
      cwd: directory,
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        OPS_PORT: String(opsPort),
        WATCHBELL_SECRETS: directory,
        NODE_COMPILE_CACHE: compileCache,
        ...(process.env['NODE_OPTIONS'] !== undefined && { NODE_OPTIONS: process.env['NODE_OPTIONS'] }),
        ...(profileDirectory !== undefined && { PROFILE_DIRECTORY: profileDirectory }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#said = '';
    const log = createWriteStream(join(directory, 'program.log'), { flags: 'a' });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        log.write(chunk);
        this.#said = (this.#said + chunk.toString()).slice(-4000);
      });
    this.#exited = keepTrack(child);
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await untilAnswers(`${this.opsUrl}/readyz`, () => {
      if (ended()) throw new Error(`the program exited before it was ready:\n${this.#said}`);
    });
    return monotonicMs() - begunMs;
  }

  /** The end of its log. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when every connector is up. */
  async healthy(): Promise<void> {
    await untilAnswers(`${this.opsUrl}/healthz`, () => {});
  }

  /** Starts profiling, if enabled: everything before was startup and warm-up. */
  profileFromNow(): void {
    if (this.#setting.profileDirectory !== undefined) this.#child?.kill('SIGUSR2');
  }

  /** Graceful if it is profiled, because profiles are written at exit; otherwise killed. */
  async stop(): Promise<void> {
    this.#child?.kill(this.#setting.profileDirectory === undefined ? 'SIGKILL' : 'SIGINT');
    await this.#exited;
  }
}

/** Polls every few milliseconds until the response is 200. @throws after 60 s, or what `check` throws. */
export async function untilAnswers(url: string, check: () => void): Promise<void> {
  const deadlineMs = monotonicMs() + 60_000;
  for (;;) {
    check();
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    if (monotonicMs() > deadlineMs) throw new Error(`no 200 from ${url} within 60 s`);
    await sleep(5);
  }
}
