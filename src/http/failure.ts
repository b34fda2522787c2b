import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from '../log.ts';
import { sendProblem } from './problem.ts';

export const handleUnknown: RequestHandler = (request, response) => {
  sendProblem(
    request,
    response,
    404,
    'nothing is at this address: look at / for the pages, /webhooks/NAME for webhooks',
  );
};

/** The one place that turns an error into a status: what express says of a bad request, else 500 with an id to look for. */
export function handleFailure(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const status = statusOf(error);
    if (status !== undefined) {
      sendProblem(request, response, status, 'the request cannot be read: send it again as the page does');
      return;
    }
    const reference = randomUUID().slice(0, 8);
    log.error({ error, reference, method: request.method, path: request.path }, 'request failed');
    if (response.headersSent) response.destroy();
    else sendProblem(request, response, 500, `this failed in the bot: its log has the reason under ${reference}`);
  };
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
