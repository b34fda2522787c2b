import { type Logger, LogLevel } from '@slack/web-api';

const silent = (): void => {};

/** The SDK would print to the console; the connector reports what matters. */
export const SILENT: Logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  setLevel: silent,
  setName: silent,
  getLevel: () => LogLevel.ERROR,
};
