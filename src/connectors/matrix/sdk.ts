import { createRequire, Module } from 'node:module';
import type * as SdkHttp from 'matrix-bot-sdk/lib/http.js';
import type * as SdkLog from 'matrix-bot-sdk/lib/logging/LogService.js';
import type * as SdkRequest from 'matrix-bot-sdk/lib/request.js';

/** The piece of matrix-bot-sdk that is used: one request with JSON in, JSON or a `MatrixError` out. */
export interface Sdk {
  readonly doHttpRequest: typeof SdkHttp.doHttpRequest;
  readonly setRequestFn: typeof SdkRequest.setRequestFn;
}

/**
 * Loads the request layer of matrix-bot-sdk and nothing else of it.
 *
 * Measured on Node 24 beside express, pg, zod, pino, prom-client and yaml (85 MB): the SDK's index brings that to 107 MB
 * and 200 ms, its `MatrixClient` does not load without the native crypto module, `lib/http.js` with the deprecated
 * `request` package costs 7 MB and 100 ms, and without it 0.1 MB and 2 ms. So `request` is never loaded: the SDK lets
 * its function be replaced (`setRequestFn`), and the import that stands in the way finds an empty module in the cache.
 * (A resolve hook would do it too, but Jest has none.) The crypto module is not reached by this path, so its absence
 * does not matter. package.json puts the maintained fork of `request` in its place, and in that of `request-promise`, which the
 * SDK lists and never loads, so that nothing with known holes is shipped.
 */
export function loadSdk(): Sdk {
  const require = createRequire(import.meta.url);
  const path = createRequire(require.resolve('matrix-bot-sdk/lib/request.js')).resolve('request');
  const loaded = require.cache[path];
  if (!loaded) require.cache[path] = Object.assign(new Module(path), { loaded: true });
  try {
    const { doHttpRequest } = require('matrix-bot-sdk/lib/http.js') as typeof SdkHttp;
    const { setRequestFn } = require('matrix-bot-sdk/lib/request.js') as typeof SdkRequest;
    const { LogService } = require('matrix-bot-sdk/lib/logging/LogService.js') as typeof SdkLog;
    const silent = (): void => {};
    // It would print every refused request to the console; what matters of them is logged by the connector.
    LogService.setLogger({ info: silent, warn: silent, error: silent, debug: silent, trace: silent });
    return { doHttpRequest, setRequestFn };
  } finally {
    if (!loaded) delete require.cache[path];
  }
}
