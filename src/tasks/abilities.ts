import { spawn } from 'node:child_process';
import { MAX_TIMER_MS } from '../clock.ts';
import type { Abilities, Exec, ExecResult, Http, Need } from '../contract/abilities.ts';

const HTTP_TIMEOUT_MS = 30_000;
const OUTPUT_BYTES = 1024 ** 2;
/** Time between SIGTERM and SIGKILL. */
const KILL_AFTER_MS = 3000;

/** The abilities of a skill. One that is not declared under `needs` throws when it is used. All end with `signal`. */
export function createAbilities(skill: string, needs: readonly Need[], signal: AbortSignal): Abilities {
  const declared = <T>(need: Need, ability: T): T => {
    if (needs.includes(need)) return ability;
    throw new Error(`the skill "${skill}" uses ${need} without declaring it: add needs: ['${need}']`);
  };
  const abilities = { http: createHttp(signal), exec: createExec(signal) };
  return {
    get http() {
      return declared('http', abilities.http);
    },
    get exec() {
      return declared('exec', abilities.exec);
    },
  };
}

/** `fetch` uses the proxies from the environment: see `useProxies`. */
function createHttp(outer: AbortSignal): Http {
  return (url, { timeoutMs = HTTP_TIMEOUT_MS, signal, ...init } = {}) =>
    fetch(url, {
      ...init,
      signal: AbortSignal.any([
        outer,
        AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS)),
        ...(signal ? [signal] : []),
      ]),
    });
}

function createExec(signal: AbortSignal): Exec {
  return ([program, ...args], { env = {}, cwd, input = '', maxOutputBytes = OUTPUT_BYTES } = {}) =>
    new Promise<ExecResult>((resolve, reject) => {
      signal.throwIfAborted();
      // Its own process group, so that its child processes can be killed too.
      const child = spawn(program, args, { env, cwd, stdio: 'pipe', shell: false, detached: true });
      const output = new Output(maxOutputBytes);
      child.stdout.on('data', (bytes: Buffer) => output.add('stdout', bytes));
      child.stderr.on('data', (bytes: Buffer) => output.add('stderr', bytes));
      const kill = (how: NodeJS.Signals): void => {
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, how);
        } catch {
          // it has ended
        }
      };
      let killing: NodeJS.Timeout | undefined;
      const end = (): void => {
        kill('SIGTERM');
        killing = setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS);
      };
      signal.addEventListener('abort', end, { once: true });
      const settled = (): void => {
        clearTimeout(killing);
        signal.removeEventListener('abort', end);
      };
      child.once('error', (error) => {
        settled();
        reject(error);
      });
      child.once('close', (status, by) => {
        settled();
        resolve({ status, signal: by, ...output.read() });
      });
      // A program that does not read its input has not failed.
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
}

/** Collects the first bytes of both streams together. The rest is read and dropped, so that the process is not blocked. */
class Output {
  readonly #parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  #left: number;
  #isTruncated = false;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  add(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    const kept = bytes.subarray(0, this.#left);
    this.#left -= kept.length;
    if (kept.length < bytes.length) this.#isTruncated = true;
    if (kept.length > 0) this.#parts[stream].push(kept);
  }

  read(): Pick<ExecResult, 'stdout' | 'stderr' | 'truncated'> {
    const text = (parts: Buffer[]): string => Buffer.concat(parts).toString('utf8');
    return { stdout: text(this.#parts.stdout), stderr: text(this.#parts.stderr), truncated: this.#isTruncated };
  }
}
