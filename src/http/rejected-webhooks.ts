import { formatDuration } from '../chat/duration.ts';
import { escape } from '../chat/message.ts';
import type { Clock } from '../clock.ts';
import type { Refusal } from './intake.ts';

const NOTICE_EVERY_MS = 10 * 60_000;
/** What a stranger's requests repeat is said less and less often: each time after twice as long, up to this. */
const LONGEST_QUIET_MS = 6 * 3_600_000;
/** Notices of strangers' requests in ten minutes, about whatever addresses. */
const MAX_OF_STRANGERS = 5;

export interface RefusedNotice {
  /** One of a short closed list: what a sender makes up is no part of it. */
  readonly about: string;
  readonly everyMs: number;
  readonly text: string;
}

/**
 * Decides which refused webhooks the operators hear of, and in which words.
 *
 * Only a request that shows a token, a valid one or one that was, is certainly of a sender of ours: then its alerts are
 * being lost, and that is said. Anybody can send all others. So they are told in words that hold whoever it was, and never
 * more than five times in ten minutes.
 */
export class RefusedWebhooks {
  readonly #clock: Clock;
  readonly #quiet = new Map<string, { untilMs: number; lastMs: number }>();
  readonly #acceptedAtMs = new Map<string, number>();
  #strangers: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `source` as in `alertmanager/prod-eu`. */
  accepted(source: string): void {
    this.#acceptedAtMs.set(source, this.#clock.monotonic());
  }

  /** `sources`: those configured for that webhook, none when there is no such webhook. Undefined: it was told lately. */
  notice(refusal: Refusal, sources: readonly string[]): RefusedNotice | undefined {
    const { name, source, status, reason, sender } = refusal;
    // The database is away; the sender repeats.
    if (reason === 'not stored') return undefined;
    const nowMs = this.#clock.monotonic();
    const isKnown = sources.includes(source);
    // Names that a scanner makes up share one word.
    const place = isKnown ? `${name}/${source}` : reason === 'no such source' ? `${name}:unknown source` : 'address';
    const about = sender ? `webhook:of ${sender.source}:${status}` : `webhook:${place}:${status}`;
    const quiet = this.#quiet.get(about);
    if (quiet && nowMs < quiet.untilMs) return undefined;
    let everyMs = NOTICE_EVERY_MS;
    if (!sender) {
      this.#strangers = this.#strangers.filter((ms) => ms > nowMs - NOTICE_EVERY_MS);
      if (this.#strangers.length >= MAX_OF_STRANGERS) return undefined;
      this.#strangers = [...this.#strangers, nowMs];
      if (quiet && nowMs < quiet.untilMs + quiet.lastMs) everyMs = Math.min(quiet.lastMs * 2, LONGEST_QUIET_MS);
    }
    this.#quiet.set(about, { untilMs: nowMs + everyMs, lastMs: everyMs });
    return { about, everyMs, text: this.#text(refusal, isKnown, sources) };
  }

  #text(refusal: Refusal, isKnown: boolean, sources: readonly string[]): string {
    const { name, source, sentence, reason, sender } = refusal;
    const where = isKnown
      ? `\`${name}/${source}\``
      : refusal.path === undefined
        ? 'an address below `/webhooks/`'
        : `\`${refusal.path}\``;
    if (reason === 'token unreadable')
      return `A webhook for ${where} cannot be judged: ${escape(sentence)}. Its sender is told to repeat it; \`watchbell doctor\` says more.`;
    const configured = isKnown ? '' : sourcesText(name, sources);
    if (!sender) {
      const remedy = isKnown
        ? `compare its address and token with the configuration. ${this.#lastText(`${name}/${source}`)}`
        : `correct the address there${sources.length > 0 ? ', or add the source here' : ''}.${configured}`;
      return `Somebody sent a request to ${where}, and it was refused: ${escape(sentence)}. If that was meant for me, ${remedy}`;
    }
    const follows = refusal.status >= 500 ? 'nothing of it is taken' : 'its alerts are being lost';
    if (reason === 'body') return `${where} posts what I cannot take (${escape(sentence)}); ${follows}.`;
    const whose = sender.isCurrent ? 'the token' : 'a replaced or removed token';
    return `A sender with ${whose} of \`${sender.source}\` posts to ${where} and is refused (${escape(sentence)}); ${follows}.${configured}`;
  }

  #lastText(source: string): string {
    const atMs = this.#acceptedAtMs.get(source);
    if (atMs === undefined) return 'This replica has accepted none from that source since it started.';
    return `The last one accepted from that source came ${formatDuration(this.#clock.monotonic() - atMs)} ago.`;
  }
}

function sourcesText(name: string, sources: readonly string[]): string {
  if (sources.length === 0) return '';
  return ` Configured: ${sources.map((source) => `\`${name}/${source}\``).join(', ')}.`;
}
