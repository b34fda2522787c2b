import { hash, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { Verification, Webhook } from '../contract/webhook.ts';
import type { Database } from '../db/database.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { Acceptor } from '../events/acceptor.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import { noticeOps } from '../handlers/notice.ts';
import type { Log } from '../log.ts';
import type { Registry } from '../registry/registry.ts';
import type { HeardSources } from './heard-sources.ts';
import type { Intake, IntakeCall, IntakeTarget, IntakeToken } from './intake.ts';
import { RejectedWebhooks } from './rejected-webhooks.ts';

/** A short, plain delivery id of a sender is stored unchanged. */
const PLAIN_ID = /^[\x21-\x7e]{1,200}$/;
/** Never stored, whatever a skill requests. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);
/** Maximum size of a body that is stored unchanged. Events are read completely, several at a time. */
const MAX_KEPT_BYTES = 1024 * 1024;

export interface WebhookIntakeOptions {
  readonly registry: () => Registry;
  readonly acceptor: Acceptor;
  readonly database: Database;
  readonly clock: Clock;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly log: Log;
  /** Notified of each accepted webhook by source, `alertmanager/prod-eu`. */
  readonly heardSources: Pick<HeardSources, 'heard'>;
  readonly afterCommit: Pick<AfterCommit, 'outboxWritten'>;
}

/** A webhook in the current configuration, with its sources. */
interface Owner {
  readonly skill: string;
  readonly webhook: Webhook<unknown>;
  readonly sources: readonly string[];
}

/** Maps webhook addresses to the skills that declare them, and stores accepted requests as events. */
export function createWebhookIntake(options: WebhookIntakeOptions): Intake {
  const { registry, acceptor, database, clock, secret, log, heardSources, afterCommit } = options;
  const rejections = new RejectedWebhooks(clock);
  let seen: Registry | undefined;
  let targets = new Map<string, IntakeTarget>();
  let owners = new Map<string, Owner>();

  /** Reads the skills once per configuration, not per request. */
  function refresh(): void {
    const current = registry();
    if (current === seen) return;
    seen = current;
    targets = new Map();
    owners = new Map();
    for (const [skill, loaded] of current.skills) {
      for (const [name, declared] of Object.entries(loaded.skill.webhooks ?? {})) {
        const webhook = declared as Webhook<unknown>;
        const sources = webhook.sources(loaded.options);
        owners.set(name, { skill, webhook, sources });
        for (const source of sources) {
          const verify = webhook.verify(loaded.options, source);
          if (!verify) continue;
          targets.set(`${name}/${source}`, {
            verify: intakeVerification(verify, (reference) => tokenOf(reference, secret)),
            headers: (webhook.headers ?? []).filter((header) => !SECRET_HEADERS.has(header)),
            ...(webhook.reject && { reject: webhook.reject }),
            ...(!webhook.keep && { maxBodyBytes: MAX_KEPT_BYTES }),
          });
        }
      }
    }
  }

  return {
    webhook(name, source) {
      refresh();
      if (!owners.has(name)) return 'no such webhook';
      return targets.get(`${name}/${source}`) ?? 'no such source';
    },
    targets() {
      refresh();
      return targets;
    },
    async accept(call) {
      refresh();
      const { name, source, body, rawBody } = call;
      const owner = owners.get(name);
      const lane = owner?.webhook.lane?.(body, source);
      const id = sourceId(call, owner?.webhook);
      // Unchanged if nothing is dropped: it is JSON already, and quoting would only make it longer.
      const bodies = owner?.webhook.keep?.(body).map((part) => JSON.stringify(part)) ?? [rawBody];
      await acceptor.accept(
        bodies.map((kept, nth) => ({
          source: 'webhook',
          sourceId: nth === 0 ? id : `${id} ${nth}`,
          kind: 'webhook',
          ...(lane !== undefined && { lane: `webhook:${name}:${short(lane)}` }),
          skill: owner?.skill,
          name,
          payload: payloadOf(call, kept),
          happenedAt: clock.now(),
        })),
      );
      heardSources.heard(`${name}/${source}`);
      rejections.accepted(`${name}/${source}`);
    },
    rejected(rejection) {
      refresh();
      if (!database.available) return;
      const notice = rejections.notice(rejection, owners.get(rejection.name)?.sources ?? []);
      if (!notice) return;
      const { name, source, path, status, sentence } = rejection;
      log.warn({ webhook: name, source, path, status, sentence }, 'webhook rejected');
      noticeOps(database, registry(), notice).then(
        (committed) => committed && afterCommit.outboxWritten(committed),
        (error: unknown) =>
          log.warn({ reason: messageOf(error) }, 'notice about a rejected webhook could not be stored'),
      );
    },
  };
}

/** The same id for a repeat, if the webhook can recognise one; unique per source. */
function sourceId({ name, source, headers, body }: IntakeCall, webhook: Webhook<unknown> | undefined): string {
  const id = webhook?.id?.({ source, headers, body });
  // An empty id does not identify anything.
  return id ? `${name}/${source} ${PLAIN_ID.test(id) ? id : short(id)}` : randomUUID();
}

const short = (text: string): string => hash('sha256', text, 'base64url').slice(0, 22);

/** @param body JSON. */
function payloadOf({ source, remoteAddress, headers }: IntakeCall, body: string): string {
  return `${JSON.stringify({ source, remoteAddress, headers }).slice(0, -1)},"body":${body}}`;
}

function intakeVerification(
  verify: Verification,
  token: (reference: SecretRef) => IntakeToken,
): IntakeTarget['verify'] {
  if ('bearer' in verify) return { bearer: verify.bearer.map(token) };
  const { header, prefix = '', secrets } = verify.hmac;
  return { hmac: { header: header.toLowerCase(), prefix, secrets: secrets.map(token) } };
}

/** All secrets that a source accepts. */
export function secretsOf(verify: Verification | undefined): readonly SecretRef[] {
  if (!verify) return [];
  return 'bearer' in verify ? verify.bearer : verify.hmac.secrets;
}

export function tokenOf(reference: SecretRef, secret: WebhookIntakeOptions['secret']): IntakeToken {
  return {
    name: 'file' in reference ? `file ${reference.file}` : `variable ${reference.env}`,
    read: () =>
      secret(reference).catch((error: unknown) => {
        if (isGone(error)) return undefined;
        throw error;
      }),
  };
}

/** Whether the secret does not exist, according to `SecretMissing`; other read errors may be temporary. */
function isGone(error: unknown): boolean {
  return codeOf(error) === 'WB_SECRET_MISSING' && (error as { readonly gone?: boolean }).gone === true;
}
