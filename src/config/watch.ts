import { watch, type FSWatcher } from 'node:fs';
import type { LoadResult } from './load.ts';
import { readSource } from './source.ts';

export interface WatchOptions {
  readonly path: string;
  /** `sourceHash` of the current configuration. */
  readonly sourceHash: string;
  readonly load: () => Promise<LoadResult>;
  /** Called once per change with the result of `load`; the caller decides whether to use it. One call at a time. */
  readonly onChange: (result: LoadResult) => void | Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
}

export interface ConfigWatch {
  /** Checks now; resolves when a change, if there is one, has been handled. */
  check(): Promise<void>;
  /** No call of `onChange` starts after it resolves. */
  stop(): Promise<void>;
}

/**
 * Compares contents every 2 s, because ConfigMap mounts, network file systems and editors that rename files break file
 * watches; a watch only makes it faster. Files that are missing for a moment are being replaced, which is not a change.
 */
export function watchConfig({ path, sourceHash, load, onChange, onError, everyMs = 2000 }: WatchOptions): ConfigWatch {
  let current = sourceHash;
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    if (isStopped) return;
    const hash = await readSource(path).then(
      (source) => source.hash,
      () => undefined,
    );
    if (hash === undefined || hash === current) return;
    const result = await load();
    if (result.sourceHash === undefined || result.sourceHash === current || isStopped) return;
    // Only a handled change counts as seen: one that arrived while the database was unreachable is offered again.
    await onChange(result);
    current = result.sourceHash;
  }

  function check(): Promise<void> {
    running = running.then(look).catch(onError);
    return running;
  }

  let isWaiting = false;
  function soon(): void {
    if (isWaiting) return;
    isWaiting = true;
    void check().finally(() => {
      isWaiting = false;
    });
  }

  const timer = setInterval(soon, everyMs);
  timer.unref();
  const watcher = tryWatch(path, soon);
  return {
    check,
    async stop() {
      isStopped = true;
      clearInterval(timer);
      watcher?.close();
      await running;
    },
  };
}

function tryWatch(path: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined; // no watches left, or not supported by the file system: the timer is enough
  }
}
