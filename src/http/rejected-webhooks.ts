import { formatDuration } from '../chat/duration.ts';
import { escape } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Rejection } from './intake.ts';

const NOTICE_EVERY_MS = 10 * 60_000;
/** Notices about requests of unknown senders become rarer: the interval doubles, up to this. */
const MAX_QUIET_MS = 6 * 3_600_000;
/** Maximum number of notices about unknown senders in ten minutes, for all addresses. */
const MAX_UNKNOWN_SENDERS = 5;

export interface RejectionNotice {
  /** One of a short closed list, without anything that a sender makes up. */
  readonly about: string;
  readonly everyMs: number;
  readonly text: string;
}

/**
 * Decides which rejected webhooks are reported to the operators, and how.
 *
 * Only a request with a token that is or was valid certainly comes from one of our senders: then its alerts are
 * being lost, and that is reported. Anyone can send other requests, so they are reported in words true for any sender, and at
 * most five times in ten minutes.
 */
export class RejectedWebhooks {
  readonly #clock: Clock;
  readonly #quiet = new Map<string, { untilMs: number; lastMs: number }>();
  readonly #acceptedAtMs = new Map<string, number>();
  #unknownSenders: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `source` as in `alertmanager/prod-eu`. */
  accepted(source: string): void {
    this.#acceptedAtMs.set(source, this.#clock.monotonic());
  }

  /** `sources`: those configured for that webhook, empty if there is no such webhook. Undefined: it was reported recently. */
  notice(rejection: Rejection, sources: readonly string[]): RejectionNotice | undefined {
    const { name, source, status, reason, sender } = rejection;
    // The database is unreachable; the sender repeats.
    if (reason === 'not stored') return undefined;
    const nowMs = this.#clock.monotonic();
    const isKnown = sources.includes(source);
    // Names made up by scanners share one key.
    const place = isKnown ? `${name}/${source}` : reason === 'no such source' ? `${name}:unknown source` : 'address';
    const about = sender ? `webhook:of ${sender.source}:${status}` : `webhook:${place}:${status}`;
    const quiet = this.#quiet.get(about);
    if (quiet && nowMs < quiet.untilMs) return undefined;
    let everyMs = NOTICE_EVERY_MS;
    if (!sender) {
      this.#unknownSenders = this.#unknownSenders.filter((ms) => ms > nowMs - NOTICE_EVERY_MS);
      if (this.#unknownSenders.length >= MAX_UNKNOWN_SENDERS) return undefined;
      this.#unknownSenders = [...this.#unknownSenders, nowMs];
      if (quiet && nowMs < quiet.untilMs + quiet.lastMs) everyMs = Math.min(quiet.lastMs * 2, MAX_QUIET_MS);
    }
    this.#quiet.set(about, { untilMs: nowMs + everyMs, lastMs: everyMs });
    return { about, everyMs, text: this.#text(rejection, isKnown, sources) };
  }

  #text(rejection: Rejection, isKnown: boolean, sources: readonly string[]): string {
    const { name, source, sentence, reason, sender } = rejection;
    const where = isKnown
      ? `\`${name}/${source}\``
      : rejection.path === undefined
        ? 'an address below `/webhooks/`'
        : `\`${rejection.path}\``;
    if (reason === 'token unreadable')
      return `A webhook for ${where} cannot be verified: ${escape(sentence)}. The sender will repeat it; \`watchbell doctor\` shows details.`;
    const configured = isKnown ? '' : sourcesText(name, sources);
    if (!sender) {
      const remedy = isKnown
        ? `compare its address and token with the configuration. ${this.#lastText(`${name}/${source}`)}`
        : `correct the address there${sources.length > 0 ? ', or add the source here' : ''}.${configured}`;
      return `A request to ${where} was rejected: ${escape(sentence)}. If it was meant for me, ${remedy}`;
    }
    const follows = rejection.status >= 500 ? 'its requests are not accepted' : 'its alerts are being lost';
    if (reason === 'body') return `${where} posts requests that I cannot accept (${escape(sentence)}); ${follows}.`;
    const whose = sender.isCurrent ? 'the token' : 'a replaced or removed token';
    return `A sender with ${whose} of \`${sender.source}\` posts to ${where} and is rejected (${escape(sentence)}); ${follows}.${configured}`;
  }

  #lastText(source: string): string {
    const atMs = this.#acceptedAtMs.get(source);
    if (atMs === undefined) return 'This replica has accepted no request from that source since it started.';
    return `The last request accepted from that source arrived ${formatDuration(this.#clock.monotonic() - atMs)} ago.`;
  }
}

function sourcesText(name: string, sources: readonly string[]): string {
  if (sources.length === 0) return '';
  return ` Configured: ${sources.map((source) => `\`${name}/${source}\``).join(', ')}.`;
}
