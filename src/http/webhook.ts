import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { BodyBudget, type BodyText } from './body.ts';
import { isOneOf, secretOf } from './credentials.ts';
import type { Intake } from './intake.ts';
import { parseJson } from './json.ts';
import { sendProblem } from './problem.ts';
import type { Headers } from './problem.ts';
import { createTokenCache } from './token-cache.ts';

export interface WebhookOptions {
  readonly intake: Intake;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

export type WebhookHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const PREFIX = '/webhooks/';
const ACCEPTED_BODY = '{}';
const ACCEPTED_HEADERS = {
  'Content-Type': 'application/json',
  'Content-Length': '2',
  'X-Content-Type-Options': 'nosniff',
};
/** A short word with nothing to escape; anything else is no webhook of ours. */
const SEGMENT = /^[a-zA-Z0-9][a-zA-Z0-9._~-]{0,99}$/;
const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="watchbell", Basic realm="watchbell"' };
const SOON = { 'Retry-After': '1' };

export function isWebhookPath(url: string): boolean {
  return url.startsWith(PREFIX);
}

/**
 * Answers `POST /webhooks/NAME[/SOURCE]`; the bare path is the source `default`.
 *
 * It stands before express and reads bodies itself: the benchmark is a bare express handler, and each middleware costs
 * some of what the commit needs. The secret is checked before the body is read; 200 is sent after the commit.
 */
export function createWebhookHandler({ intake, metrics, log, maxBodyBytes }: WebhookOptions): WebhookHandler {
  const tokens = createTokenCache(log);
  const counted = createCounters(metrics);
  const storeTrouble = createOccasionalWarning(log);
  const stoodStill = watchStandstill();
  const budget = new BodyBudget();

  return async function handleWebhook(request, response) {
    const address = addressOf(request.url ?? '');
    const name = address?.name ?? '';
    const source = address?.source ?? '';
    let label: string | undefined;

    const refuse = (status: number, sentence: string, headers?: Headers): void => {
      metrics.webhookRequests.inc({ source: label ?? 'other', code: String(status) });
      intake.refused(name, source, status, sentence);
      log.debug({ webhook: name, source, status, sentence }, 'webhook refused');
      sendProblem(request, response, status, sentence, headers);
    };

    if (request.method !== 'POST') return refuse(405, 'webhooks are sent with POST', { Allow: 'POST' });
    const target = address ? intake.webhook(name, source) : 'no such webhook';
    if (target === 'no such webhook') {
      return refuse(404, 'no webhook has this address: compare it with the documentation of the skill');
    }
    if (target === 'no such source') {
      // A newer configuration may be on its way to this replica, and senders give up for good on a 404.
      return refuse(503, `this replica does not know source ${source} yet: add it to the configuration, or wait`, {
        'Retry-After': '10',
      });
    }
    label = `${name}/${source}`;

    let hashes: readonly Buffer[];
    try {
      hashes = await tokens.hashesOf(label, target);
    } catch {
      return refuse(503, `the token of source ${source} cannot be read: look into the log of the bot`, SOON);
    }
    const secret = secretOf(request.headers.authorization);
    if (secret === undefined) {
      return refuse(
        401,
        'a token is missing: send it as "Authorization: Bearer TOKEN" or as the password of Basic',
        CHALLENGE,
      );
    }
    if (!isOneOf(hashes, secret)) {
      return refuse(401, `the token is wrong: send one of those configured for source ${source}`, CHALLENGE);
    }

    if (request.headers.expect !== undefined) response.writeContinue();
    const known = label;
    const maxBytes = Math.min(maxBodyBytes, target.maxBodyBytes ?? Infinity);
    const take = async (body: BodyText): Promise<void> => {
      if ('problem' in body) {
        if (body.problem === 'cut off') return counted.add(known, '499');
        if (body.problem === 'too large') {
          const raise = maxBytes === maxBodyBytes ? ', or raise http.maxBody' : '';
          return refuse(413, `the body is larger than ${formatBytes(maxBytes)}: send less at once${raise}`);
        }
        if (body.problem === 'too many') return refuse(503, 'too many bodies are being received: send it again', SOON);
        if (body.problem === 'not gzip') return refuse(400, 'the body is not the gzip it claims to be');
        return refuse(415, 'the body is encoded in a way not known here: send it plain or as gzip', {
          'Accept-Encoding': 'gzip',
        });
      }
      const parsed = parseJson(body.text);
      if ('problem' in parsed) return refuse(parsed.tooLarge ? 413 : 400, parsed.problem);
      const problem = target.refuse?.(parsed.value);
      if (problem !== undefined) return refuse(400, problem);

      // A program that stood still finds requests whose senders gave up long ago and posted them elsewhere; "firing" would come
      // after its "resolved". So the end of the connection is read first, if it is there: it comes with the next look at it.
      for (let turns = 0; turns < 2 && stoodStill(); turns++) await new Promise(setImmediate);
      if (!request.socket.writable) return counted.add(known, '499');
      try {
        await intake.accept(name, source, body.text, parsed.value, remoteAddressOf(request.socket));
      } catch (error) {
        storeTrouble(error);
        return refuse(503, 'the event could not be stored now: send it again', SOON);
      }
      counted.accepted(known);
      response.writeHead(200, ACCEPTED_HEADERS);
      response.end(ACCEPTED_BODY);
    };
    await budget.withBody(request, maxBytes, take);
  };
}

const BEAT_MS = 250;
/** Shorter than any sender waits for its answer. */
const STANDSTILL_MS = 1000;

/** Whether this program came to nothing for a while until just now: stopped, starved, or on a machine that was. */
function watchStandstill(): () => boolean {
  let beatAt = performance.now();
  let goneOnUntil = -Infinity;
  setInterval(() => {
    const now = performance.now();
    if (now - beatAt > STANDSTILL_MS) goneOnUntil = now + STANDSTILL_MS;
    beatAt = now;
  }, BEAT_MS).unref();
  return () => {
    const now = performance.now();
    return now - beatAt > STANDSTILL_MS || now < goneOnUntil;
  };
}

function addressOf(url: string): { readonly name: string; readonly source: string } | undefined {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const [name = '', source, ...rest] = path.slice(PREFIX.length).split('/');
  if (rest.length > 0 || !SEGMENT.test(name)) return undefined;
  if (source === undefined || source === '') return { name, source: 'default' };
  return SEGMENT.test(source) ? { name, source } : undefined;
}

/** A server that listens on IPv6 too sees IPv4 as `::ffff:10.0.0.1`. */
function remoteAddressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress;
}

/** Label lookups cost a hash of all labels each time; the few known sources keep theirs. */
function createCounters(metrics: Metrics) {
  const accepted = new Map<string, { inc(): void }>();
  return {
    accepted(source: string): void {
      let counter = accepted.get(source);
      if (!counter) {
        counter = metrics.webhookRequests.labels({ source, code: '200' });
        accepted.set(source, counter);
      }
      counter.inc();
    },
    add(source: string, code: string): void {
      metrics.webhookRequests.inc({ source, code });
    },
  };
}

/** One line per 10 s at most: a lost database would otherwise write one for every request. */
function createOccasionalWarning(log: Logger): (error: unknown) => void {
  let quietUntilMs = 0;
  let unreported = 0;
  return (error) => {
    unreported++;
    const nowMs = performance.now();
    if (nowMs < quietUntilMs) return;
    quietUntilMs = nowMs + 10_000;
    log.warn(
      { error, requests: unreported, reason: messageOf(error) },
      'webhooks could not be stored, senders were told to repeat them',
    );
    unreported = 0;
  };
}

export function formatBytes(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  if (mebibytes >= 1) return `${Number(mebibytes.toFixed(1))} MiB`;
  return bytes >= 1024 ? `${Number((bytes / 1024).toFixed(1))} KiB` : `${bytes} bytes`;
}
