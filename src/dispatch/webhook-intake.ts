import { hash, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { Intake, IntakeTarget } from '../http/intake.ts';
import { escape } from '../chat/message.ts';
import { messageOf } from '../errors.ts';
import type { Log, SecretRef, Webhook } from '../skill.ts';
import type { Acceptor } from './acceptor.ts';
import type { Woken } from './effects.ts';
import { noticeOps } from './notice.ts';
import type { World } from './world.ts';

const NOTICE_EVERY_MS = 10 * 60_000;
/** Of a body that is stored as it came. An event is read whole, several at a time. */
const MAX_KEPT_BYTES = 1024 * 1024;

export interface WebhookIntakeOptions {
  readonly world: () => World;
  readonly acceptor: Acceptor;
  readonly database: Database;
  readonly clock: Clock;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly log: Log;
  /** A webhook of this source was accepted; `alertmanager/prod-eu`. */
  readonly onHeard: (source: string) => void;
  readonly onWoken: (woken: Woken) => void;
}

/** Leads webhook addresses to the skills that declare them, and stores what arrives as events. */
export function createWebhookIntake(options: WebhookIntakeOptions): Intake {
  const { world, acceptor, database, clock, secret, log, onHeard, onWoken } = options;
  const quietUntil = new Map<string, number>();
  let seen: World | undefined;
  let targets = new Map<string, IntakeTarget>();
  let owners = new Map<string, { skill: string; webhook: Webhook<unknown>; options: unknown }>();

  /** One look through the skills for each configuration, not for each request. */
  function refresh(): void {
    const current = world();
    if (current === seen) return;
    seen = current;
    targets = new Map();
    owners = new Map();
    for (const [skill, loaded] of current.skills)
      for (const [name, webhook] of Object.entries(loaded.skill.webhooks ?? {}))
        owners.set(name, { skill, webhook: webhook as Webhook<unknown>, options: loaded.options });
  }

  function target(name: string, source: string): IntakeTarget | undefined {
    const key = `${name}/${source}`;
    const known = targets.get(key);
    if (known) return known;
    const owner = owners.get(name);
    const references = owner?.webhook.tokens(owner.options, source);
    if (!owner || !references) return undefined;
    const { refuse, keep } = owner.webhook;
    const made: IntakeTarget = {
      ...(!keep && { maxBodyBytes: MAX_KEPT_BYTES }),
      tokens: () => Promise.all(references.map((reference) => secret(reference))),
      ...(refuse && { refuse }),
    };
    targets.set(key, made);
    return made;
  }

  return {
    webhook(name, source) {
      refresh();
      if (!owners.has(name)) return 'no such webhook';
      return target(name, source) ?? 'no such source';
    },
    async accept(name, source, rawBody, body, remoteAddress) {
      refresh();
      const owner = owners.get(name);
      const lane = owner?.webhook.lane?.(body, source);
      // As it came where nothing is left out: it is JSON, and would only grow by being quoted.
      const bodies = owner?.webhook.keep?.(body).map((part) => JSON.stringify(part)) ?? [rawBody];
      await acceptor.accept(
        bodies.map((kept) => ({
          source: 'webhook',
          sourceId: randomUUID(),
          kind: 'webhook',
          ...(lane !== undefined && {
            lane: `webhook:${name}:${hash('sha256', lane, 'base64url').slice(0, 22)}`,
          }),
          skill: owner?.skill,
          name,
          payload: `{"source":${JSON.stringify(source)},"remoteAddress":${JSON.stringify(remoteAddress)},"body":${kept}}`,
          happenedAt: clock.now(),
        })),
      );
      onHeard(`${name}/${source}`);
    },
    refused(name, source, status, sentence) {
      refresh();
      const owner = owners.get(name);
      // Of an address nobody configured nobody needs to hear, and what is not posted is no webhook.
      if (!owner || status === 404 || status === 405 || !database.available) return;
      const known = target(name, source) !== undefined;
      // 503 is repeated by the sender, so nothing is lost; but one that names a wrong source is answered so for ever.
      if (known && status >= 500) return;
      // Names that a scanner makes up share one word, and whoever floods us must not cost a transaction each time.
      const about = known ? `webhook:${name}/${source}:${status}` : `webhook:${name}:unknown source`;
      if (clock.monotonic() < (quietUntil.get(about) ?? 0)) return;
      quietUntil.set(about, clock.monotonic() + NOTICE_EVERY_MS);
      if (!known) log.warn({ webhook: name, source }, 'a webhook names a source that is not configured');
      const text = known
        ? `${name}/${source} ${status === 401 ? 'posts with a wrong token' : `posts what I cannot take (${escape(sentence)})`}; its alerts are being lost.`
        : `Somebody posts to \`${name}/${source}\`, and no source is called so: nothing of it is taken. ${sourcesText(owner.webhook.sources(owner.options))} Mend the address there, or add the source here.`;
      noticeOps(database, world(), { about, everyMs: NOTICE_EVERY_MS, text }).then(
        (woken) => woken && onWoken(woken),
        (error: unknown) => log.warn({ reason: messageOf(error) }, 'notice of a refused webhook could not be stored'),
      );
    },
  };
}

function sourcesText(sources: readonly string[]): string {
  return sources.length === 0 ? 'None is configured.' : `Configured: ${sources.map(escape).join(', ')}.`;
}
