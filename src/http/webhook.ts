import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { shownPath, webhookAddress } from './address.ts';
import { BodyBudget, type BodyProblem, type BodyText } from './body.ts';
import { hashSecret, secretOf } from './credentials.ts';
import type { Intake, IntakeTarget, RejectionReason, TokenOwner } from './intake.ts';
import { parseJson } from './json.ts';
import { sendProblem, type Headers } from './problem.ts';
import { createStallDetector } from './standstill.ts';
import { TokenCache } from './token-cache.ts';
import { denySignature, denyToken, denyUnsigned, type Denied } from './verify.ts';

export interface WebhookOptions {
  readonly intake: Intake;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

/** Signed bodies are read before their sender is known, so they have a separate memory budget. */
const MAX_SIGNED_BYTES = 25 * 1024 * 1024;
const ACCEPTED_BODY = '{}';
const ACCEPTED_HEADERS = {
  'Content-Type': 'application/json',
  'Content-Length': '2',
  'X-Content-Type-Options': 'nosniff',
};
const RETRY_SOON = { 'Retry-After': '1' };

/** One request below `/webhooks/`. */
interface Call {
  readonly request: Request;
  readonly response: Response;
  readonly name: string;
  readonly source: string;
  /** Label in metrics. */
  readonly label: string;
  /** Hash of the token in the request. */
  readonly given: Buffer | undefined;
  /** Owner of the secret that signed it. */
  readonly sender?: TokenOwner | undefined;
}

/**
 * Answers `POST /webhooks/NAME[/SOURCE]`, mounted at `/webhooks`; the bare path is the source `default`. Anything else below
 * is rejected, counted and reported like a webhook: it may be one, sent to a wrong address.
 */
export function createWebhookHandler(options: WebhookOptions): RequestHandler {
  const webhooks = new Webhooks(options);
  return (request, response) =>
    webhooks.handle(request, response).catch((error: unknown) => {
      options.log.error({ error, url: request.originalUrl }, 'webhook failed');
      sendProblem(request, response, 503, 'internal error: send it again, and see the log of the bot', RETRY_SOON);
    });
}

class Webhooks {
  readonly #options: WebhookOptions;
  readonly #tokens: TokenCache;
  readonly #storeTrouble: (error: unknown) => void;
  readonly #wasStalled = createStallDetector();
  readonly #budget = new BodyBudget();
  readonly #signedBudget = new BodyBudget();
  /** Looking up labels hashes all of them each time, so the counters of the few known sources are cached. */
  readonly #accepted = new Map<string, { inc(): void }>();

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#tokens = new TokenCache({ log: options.log });
    this.#storeTrouble = createOccasionalWarning(options.log);
  }

  /** A token is checked before the body is read, a signature before it is parsed; 200 is sent after the commit. */
  async handle(request: Request, response: Response): Promise<void> {
    const { name, source } = webhookAddress(request.originalUrl) ?? { name: '', source: '' };
    const target = name === '' ? 'no such webhook' : this.#options.intake.webhook(name, source);
    const label = typeof target === 'string' || request.method !== 'POST' ? 'other' : `${name}/${source}`;
    const secret = secretOf(request.headers.authorization);
    const given = secret === undefined ? undefined : hashSecret(secret);
    const call: Call = { request, response, name, source, label, given };
    if (request.method !== 'POST')
      return this.#reject(call, 405, 'not posted', 'use POST for webhooks', { Allow: 'POST' });
    if (target === 'no such webhook') {
      const sentence = 'no webhook has this address: see the documentation of the skill';
      return this.#reject(call, 404, target, sentence);
    }
    if (target === 'no such source') {
      // A newer configuration may be on its way to this replica, and senders do not retry after a 404.
      const sentence = `this replica does not know source ${source} yet: add it to the configuration, or wait`;
      return this.#reject(call, 503, target, sentence, { 'Retry-After': '10' });
    }
    await this.#receive(call, target);
  }

  async #receive(call: Call, target: IntakeTarget): Promise<void> {
    const { request, response, label, source, given } = call;
    const { verify } = target;
    const known = await this.#tokens.of(label, target);
    const isBearer = 'bearer' in verify;
    const signature = isBearer ? undefined : request.headers[verify.hmac.header];
    const denied = isBearer ? denyToken(source, given, known) : denyUnsigned(verify.hmac, signature);
    if (denied) return this.#deny(call, denied);
    if (request.headers.expect !== undefined) response.writeContinue();
    const { maxBodyBytes } = this.#options;
    const limit = Math.min(maxBodyBytes, target.maxBodyBytes ?? Infinity, isBearer ? Infinity : MAX_SIGNED_BYTES);
    const admit = (raw: Buffer): boolean => {
      const wrong = isBearer ? undefined : denySignature(source, verify.hmac, String(signature), raw, known);
      if (wrong) this.#deny(call, wrong);
      return wrong === undefined;
    };
    const sender = isBearer ? undefined : { source: label, isCurrent: true };
    const budget = isBearer ? this.#budget : this.#signedBudget;
    await budget.withBody(request, limit, admit, (body) => this.#take({ ...call, sender }, target, body, limit));
  }

  async #take(call: Call, target: IntakeTarget, body: BodyText, limit: number): Promise<void> {
    const { request, response, name, source, label } = call;
    const { intake, metrics } = this.#options;
    if ('problem' in body) return this.#rejectBody(call, body.problem, limit);
    const parsed = parseJson(body.text);
    if ('problem' in parsed)
      return this.#reject(call, parsed.tooLarge ? 413 : 400, 'body', parsed.problem, {}, parsed.detail);
    const problem = target.reject?.(parsed.value);
    if (problem !== undefined) return this.#reject(call, 400, 'body', problem);
    // After a stall there are requests whose senders gave up long ago and posted elsewhere; "firing" would come
    // after its "resolved". So let the event loop process closed connections first.
    for (let turns = 0; turns < 2 && this.#wasStalled(); turns++) await new Promise(setImmediate);
    if (!request.socket.writable) return metrics.webhookRequests.inc({ source: label, code: '499' });
    const headers = pick(request.headers, target.headers ?? []);
    const remoteAddress = remoteAddressOf(request.socket);
    try {
      await intake.accept({ name, source, rawBody: body.text, body: parsed.value, headers, remoteAddress });
    } catch (error) {
      this.#storeTrouble(error);
      return this.#reject(call, 503, 'not stored', 'the event could not be stored: send it again', RETRY_SOON);
    }
    this.#countAccepted(label);
    response.writeHead(200, ACCEPTED_HEADERS).end(ACCEPTED_BODY);
  }

  #rejectBody(call: Call, problem: BodyProblem, limit: number): void {
    if (problem === 'cut off') return this.#options.metrics.webhookRequests.inc({ source: call.label, code: '499' });
    if (problem === 'too large') {
      const raise = limit === this.#options.maxBodyBytes ? ', or raise http.maxBody' : '';
      return this.#reject(
        call,
        413,
        'body',
        `the body is larger than ${formatBytes(limit)}: send less at once${raise}`,
      );
    }
    if (problem === 'too many')
      return this.#reject(call, 503, 'not stored', 'too many requests at once: send it again', RETRY_SOON);
    if (problem === 'not gzip') return this.#reject(call, 400, 'body', 'the body is not valid gzip');
    const sentence = 'the body has an unsupported encoding: send it plain or as gzip';
    return this.#reject(call, 415, 'body', sentence, { 'Accept-Encoding': 'gzip' });
  }

  #deny(call: Call, { status, reason, sentence, headers, isFormer = false }: Denied): void {
    const sender = isFormer ? { source: call.label, isCurrent: false } : undefined;
    this.#reject({ ...call, sender }, status, reason, sentence, headers);
  }

  /** `detail` is for the sender only. */
  #reject(
    call: Call,
    status: number,
    reason: RejectionReason,
    sentence: string,
    headers?: Headers,
    detail?: string,
  ): void {
    const { request, response, name, source, label } = call;
    const { metrics, log, intake } = this.#options;
    metrics.webhookRequests.inc({ source: label, code: String(status) });
    log.debug({ webhook: name, source, status, sentence }, 'webhook rejected');
    sendProblem(request, response, status, sentence, headers, detail);
    const rejection = { name, source, path: shownPath(request.originalUrl), status, reason, sentence };
    this.#senderOf(call).then(
      (sender) => intake.rejected({ ...rejection, sender }),
      (error: unknown) => log.error({ error }, 'rejected webhook could not be reported'),
    );
  }

  async #senderOf({ sender, given, name, source }: Call): Promise<TokenOwner | undefined> {
    if (sender || !given) return sender;
    return this.#tokens.ownerOf(given, this.#options.intake.targets(), `${name}/${source}`);
  }

  #countAccepted(label: string): void {
    let counter = this.#accepted.get(label);
    if (!counter) {
      counter = this.#options.metrics.webhookRequests.labels({ source: label, code: '200' });
      this.#accepted.set(label, counter);
    }
    counter.inc();
  }
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]];
    }),
  );
}

/** An IPv6 listener sees IPv4 addresses as `::ffff:10.0.0.1`. */
function remoteAddressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress;
}

/** Logs at most one line in 10 s: otherwise an unreachable database would cause one for every request. */
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
      'webhooks could not be stored; their senders will repeat them',
    );
    unreported = 0;
  };
}

export function formatBytes(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  if (mebibytes >= 1) return `${Number(mebibytes.toFixed(1))} MiB`;
  return bytes >= 1024 ? `${Number((bytes / 1024).toFixed(1))} KiB` : `${bytes} bytes`;
}
