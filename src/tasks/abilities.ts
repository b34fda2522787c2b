import { spawn } from 'node:child_process';
import { LONGEST_TIMER_MS } from '../clock.ts';
import type { Abilities, Exec, ExecResult, Http, Need } from '../contract/abilities.ts';

const HTTP_TIMEOUT_MS = 30_000;
const OUTPUT_BYTES = 1024 ** 2;
/** Between asking a process to end and ending it. */
const KILL_AFTER_MS = 3000;

/** What a skill declared under `needs`; what it did not declare throws when it is used. All of it ends with `signal`. */
export function createAbilities(skill: string, needs: readonly Need[], signal: AbortSignal): Abilities {
  const declared = <T>(need: Need, ability: T): T => {
    if (needs.includes(need)) return ability;
    throw new Error(`the skill "${skill}" uses ${need} and does not declare it: needs: ['${need}']`);
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

/** The proxies of the environment hold for `fetch` as for everything: see `useProxies`. */
function createHttp(outer: AbortSignal): Http {
  return (url, { timeoutMs = HTTP_TIMEOUT_MS, signal, ...init } = {}) =>
    fetch(url, {
      ...init,
      signal: AbortSignal.any([
        outer,
        AbortSignal.timeout(Math.min(timeoutMs, LONGEST_TIMER_MS)),
        ...(signal ? [signal] : []),
      ]),
    });
}

function createExec(signal: AbortSignal): Exec {
  return ([program, ...args], { env = {}, cwd, input = '', maxOutputBytes = OUTPUT_BYTES } = {}) =>
    new Promise<ExecResult>((resolve, reject) => {
      signal.throwIfAborted();
      // A group of its own, so that what it starts ends with it.
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
      // One that does not read its input is no failure.
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
}

/** The first bytes of both streams together; the rest is read and dropped, so that the process is not held up. */
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
