import { createRequire, Module } from 'node:module';
import type * as SdkEntity from 'matrix-bot-sdk/lib/helpers/MatrixEntity.js';
import type * as SdkHttp from 'matrix-bot-sdk/lib/http.js';
import type * as SdkLog from 'matrix-bot-sdk/lib/logging/LogService.js';
import type * as SdkRequest from 'matrix-bot-sdk/lib/request.js';

/*
 * The parts of matrix-bot-sdk that are used, loaded file by file: its index needs the native crypto module, whose binary is not in the
 * package, and costs 15 MB.
 *
 * lib/request.js loads the package `request`, which `setRequestFn` replaces before anything is sent. It is not cheap: after 30 s idle
 * with Matrix configured, resident memory is 120 MB with it and 114 MB without (2 runs each, on a busy machine), and loading it takes
 * 0.1 s. So an empty module takes its place in the module cache while the SDK is loaded. A resolve hook would work too, but not in
 * Jest.
 *
 * package.json also replaces `request`, and `request-promise`, which the SDK lists but never loads, with the maintained fork, so that
 * nothing with known vulnerabilities is shipped.
 */
const require = createRequire(import.meta.url);
const path = createRequire(require.resolve('matrix-bot-sdk/lib/request.js')).resolve('request');
const loaded = require.cache[path];
if (!loaded) require.cache[path] = Object.assign(new Module(path), { loaded: true });
export const { setRequestFn } = require('matrix-bot-sdk/lib/request.js') as typeof SdkRequest;
if (!loaded) delete require.cache[path];

export const { doHttpRequest } = require('matrix-bot-sdk/lib/http.js') as typeof SdkHttp;
export const { UserID } = require('matrix-bot-sdk/lib/helpers/MatrixEntity.js') as typeof SdkEntity;

const { LogService } = require('matrix-bot-sdk/lib/logging/LogService.js') as typeof SdkLog;
const silent = (): void => {};
// Otherwise it prints every rejected request to the console; the connector logs those that matter.
LogService.setLogger({ info: silent, warn: silent, error: silent, debug: silent, trace: silent });
