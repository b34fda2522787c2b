import { type Logger, LogLevel } from '@slack/web-api';

const silent = (): void => {};

/** Keeps the SDK from printing to the console; the connector logs what matters. */
export const SILENT: Logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  setName: silent,
  getLevel: () => LogLevel.ERROR,
};
