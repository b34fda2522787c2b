/**
 * The parts of matrix-bot-sdk that are used, imported file by file: its index needs the native crypto module, whose binary is
 * not in its package, and costs 15 MB and 200 ms. lib/request.js imports the package `request`, which is 4 MB of heap and
 * 100 ms without a compile cache; of the bot with Matrix configured that is 103.4 MB resident instead of 103.0 (mean of
 * five starts each). package.json replaces it by its maintained fork, and so `request-promise`, which the SDK lists and
 * never imports.
 */
import { LogService } from 'matrix-bot-sdk/lib/logging/LogService.js';

export { UserID } from 'matrix-bot-sdk/lib/helpers/MatrixEntity.js';
export { doHttpRequest } from 'matrix-bot-sdk/lib/http.js';
export { setRequestFn } from 'matrix-bot-sdk/lib/request.js';

const silent = (): void => {};
// It would print every rejected request to the console; the connector logs those that matter.
LogService.setLogger({ info: silent, warn: silent, error: silent, debug: silent, trace: silent });
