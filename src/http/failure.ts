import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from '../log.ts';
import { sendProblem } from './problem.ts';

export const handleUnknown: RequestHandler = (request, response) => {
  sendProblem(
    request,
    response,
    404,
    'there is nothing at this address: see / for the pages, /webhooks/NAME for webhooks',
  );
};

/** Turns an error into a response: the status that express sets for a bad request, else 500 with an id to search the log for. */
export function handleFailure(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const status = statusOf(error);
    if (status !== undefined) {
      sendProblem(request, response, status, 'the request is malformed');
      return;
    }
    const reference = randomUUID().slice(0, 8);
    log.error({ error, reference, method: request.method, path: request.path }, 'request failed');
    if (response.headersSent) response.destroy();
    else sendProblem(request, response, 500, `internal error: the log of the bot has the reason under ${reference}`);
  };
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
