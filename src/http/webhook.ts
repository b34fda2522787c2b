import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { shownPath, webhookAddress } from './address.ts';
import { BodyBudget, type BodyText } from './body.ts';
import { hashSecret, isOneOf, secretOf } from './credentials.ts';
import type { Intake, Refusal, RefusalReason } from './intake.ts';
import { parseJson } from './json.ts';
import { sendProblem } from './problem.ts';
import type { Headers } from './problem.ts';
import { TokenCache } from './token-cache.ts';

export interface WebhookOptions {
  readonly intake: Intake;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

/** Takes requests whose `url` is a local target; see `localTarget`. */
export type WebhookHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const ACCEPTED_BODY = '{}';
const ACCEPTED_HEADERS = {
  'Content-Type': 'application/json',
  'Content-Length': '2',
  'X-Content-Type-Options': 'nosniff',
};
const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="watchbell", Basic realm="watchbell"' };
const SOON = { 'Retry-After': '1' };

/**
 * Answers `POST /webhooks/NAME[/SOURCE]`; the bare path is the source `default`. Anything else below `/webhooks/` is
 * refused, counted and told like a webhook: it may be one, sent to an address with a mistake in it.
 *
 * It stands before express and reads bodies itself: the benchmark is a bare express handler, and each middleware costs
 * some of what the commit needs. The secret is checked before the body is read; 200 is sent after the commit.
 */
export function createWebhookHandler({ intake, metrics, log, maxBodyBytes }: WebhookOptions): WebhookHandler {
  const tokens = new TokenCache({ log });
  const counted = createCounters(metrics);
  const storeTrouble = createOccasionalWarning(log);
  const stoodStill = watchStandstill();
  const budget = new BodyBudget();

  async function tell(refusal: Omit<Refusal, 'sender'>, given: Buffer | undefined): Promise<void> {
    intake.refused({
      ...refusal,
      sender: given && (await tokens.ownerOf(given, intake.targets(), `${refusal.name}/${refusal.source}`)),
    });
  }

  return async function handleWebhook(request, response) {
    const address = webhookAddress(request.url ?? '');
    const { name, source } = address ?? { name: '', source: '' };
    const secret = secretOf(request.headers.authorization);
    const given = secret === undefined ? undefined : hashSecret(secret);
    const target = address ? intake.webhook(name, source) : 'no such webhook';
    const label = typeof target === 'string' || request.method !== 'POST' ? 'other' : `${name}/${source}`;

    const refuse = (status: number, reason: RefusalReason, sentence: string, headers?: Headers): void => {
      metrics.webhookRequests.inc({ source: label, code: String(status) });
      log.debug({ webhook: name, source, status, sentence }, 'webhook refused');
      sendProblem(request, response, status, sentence, headers);
      const refusal = { name, source, path: shownPath(request.url ?? ''), status, reason, sentence };
      tell(refusal, given).catch((error: unknown) => log.error({ error }, 'refused webhook could not be told'));
    };

    if (request.method !== 'POST') return refuse(405, 'not posted', 'webhooks are sent with POST', { Allow: 'POST' });
    if (target === 'no such webhook') {
      return refuse(
        404,
        'no such webhook',
        'no webhook has this address: compare it with the documentation of the skill',
      );
    }
    if (target === 'no such source') {
      // A newer configuration may be on its way to this replica, and senders give up for good on a 404.
      return refuse(
        503,
        'no such source',
        `this replica does not know source ${source} yet: add it to the configuration, or wait`,
        { 'Retry-After': '10' },
      );
    }
    if (given === undefined) {
      return refuse(
        401,
        'no token',
        'a token is missing: send it as "Authorization: Bearer TOKEN" or as the password of Basic',
        CHALLENGE,
      );
    }
    const { accepted, former, isUnsure } = await tokens.of(label, target);
    if (!isOneOf(accepted, given)) {
      if (isUnsure && !isOneOf(former, given)) {
        const sentence = `a token of source ${source} cannot be read: look into the log of the bot`;
        return refuse(503, 'token unreadable', sentence, SOON);
      }
      const sentence = `the token is wrong: send one of those configured for source ${source}`;
      return refuse(401, 'wrong token', sentence, CHALLENGE);
    }

    if (request.headers.expect !== undefined) response.writeContinue();
    const maxBytes = Math.min(maxBodyBytes, target.maxBodyBytes ?? Infinity);
    const take = async (body: BodyText): Promise<void> => {
      if ('problem' in body) {
        if (body.problem === 'cut off') return counted.add(label, '499');
        if (body.problem === 'too large') {
          const raise = maxBytes === maxBodyBytes ? ', or raise http.maxBody' : '';
          return refuse(413, 'body', `the body is larger than ${formatBytes(maxBytes)}: send less at once${raise}`);
        }
        if (body.problem === 'too many')
          return refuse(503, 'not stored', 'too many bodies are being received: send it again', SOON);
        if (body.problem === 'not gzip') return refuse(400, 'body', 'the body is not the gzip it claims to be');
        return refuse(415, 'body', 'the body is encoded in a way not known here: send it plain or as gzip', {
          'Accept-Encoding': 'gzip',
        });
      }
      const parsed = parseJson(body.text);
      if ('problem' in parsed) return refuse(parsed.tooLarge ? 413 : 400, 'body', parsed.problem);
      const problem = target.refuse?.(parsed.value);
      if (problem !== undefined) return refuse(400, 'body', problem);

      // A program that stood still finds requests whose senders gave up long ago and posted them elsewhere; "firing" would come
      // after its "resolved". So the end of the connection is read first, if it is there: it comes with the next look at it.
      for (let turns = 0; turns < 2 && stoodStill(); turns++) await new Promise(setImmediate);
      if (!request.socket.writable) return counted.add(label, '499');
      try {
        await intake.accept(name, source, body.text, parsed.value, remoteAddressOf(request.socket));
      } catch (error) {
        storeTrouble(error);
        return refuse(503, 'not stored', 'the event could not be stored now: send it again', SOON);
      }
      counted.accepted(label);
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
