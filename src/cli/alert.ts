import { samplePayload } from '../../skills/alerts/sample.ts';
import type { Config } from '../config/schema.ts';
import { StartFailed, messageOf } from '../errors.ts';
import type { SecretRef } from '../skill.ts';
import { createSetting, type Setting, type SettingOptions } from './setting.ts';
import { withLastGood } from './with-database.ts';

export interface AlertOptions extends SettingOptions {
  readonly url?: string;
  readonly source?: string;
  readonly token?: string;
  readonly alertName?: string;
  readonly severity?: string;
  readonly resolved?: boolean;
}

/** Where a running bot takes alerts. */
export interface AlertTarget {
  readonly url: string;
  readonly source: string;
  readonly token: string;
}

/** Why a post was not taken. */
export interface Refusal {
  readonly says: string;
  readonly answered: boolean;
  /** Nobody answered, or the bot asked for it again: the same post may be taken in a moment. */
  readonly passes: boolean;
}

/** An address that swallows packets, such as one that a network policy does not know yet, is given up after this. */
const LONGEST_POST_MS = 10_000;
/** 503 is the bot's own word for it; 502 and 504 are an ingress's while there is no pod behind it. */
const PASSING: readonly number[] = [502, 503, 504];

/** Posts a sample as Alertmanager would, and says what the bot answered. @throws {StartFailed} when nobody answers. */
export async function postAlert(options: AlertOptions): Promise<number> {
  const target = { url: options.url ?? 'http://127.0.0.1:8080', ...(await findTarget(options)) };
  const body = samplePayload({
    labels: { pod: 'sample' },
    status: options.resolved ? 'resolved' : 'firing',
    ...(options.alertName !== undefined && { name: options.alertName }),
    ...(options.severity !== undefined && { severity: options.severity }),
  });
  const refusal = await postSample(target, body);
  if (refusal && !refusal.answered) throw new StartFailed(`${refusal.says}; say where it is with --url`);
  console.log(refusal?.says ?? `Accepted by ${addressOf(target)}; look into the room.`);
  return refusal === undefined ? 0 : 1;
}

/** Resolves to undefined once the bot has stored it. Never rejects. */
export async function postSample(target: AlertTarget, body: unknown): Promise<Refusal | undefined> {
  const address = addressOf(target);
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LONGEST_POST_MS),
    });
    const text = await response.text();
    if (response.ok) return undefined;
    const { status } = response;
    return { says: `${status} from ${address}: ${text}`, answered: true, passes: PASSING.includes(status) };
  } catch (error) {
    const reason = messageOf((error as Error).cause ?? error);
    return { says: `no bot answers at ${address} (${reason})`, answered: false, passes: true };
  }
}

function addressOf({ url, source }: AlertTarget): string {
  return `${url.replace(/\/+$/, '')}/webhooks/alertmanager/${encodeURIComponent(source)}`;
}

type Sources = Readonly<Record<string, { readonly tokens: readonly SecretRef[] }>>;

/** Those of the configuration, by name. */
export function alertSources(config: Config): Sources {
  return (config.skills['alerts'] as { sources?: Sources } | undefined)?.sources ?? {};
}

/** The first token of a source. @throws {StartFailed} naming the sources there are. */
export async function alertToken(setting: Setting, sources: Sources, source: string): Promise<string> {
  const [reference] = sources[source]?.tokens ?? [];
  if (!reference)
    throw new StartFailed(
      `skills.alerts has no source called "${source}"; configured are: ${Object.keys(sources).join(', ') || 'none'}`,
    );
  return setting.secrets.read(reference);
}

/** The only one, else the one called `default`. @throws {StartFailed} when there are several and none is called that. */
export function chooseSource(names: readonly string[]): string {
  const source = names.length === 1 ? names[0] : 'default';
  if (source === undefined || (names.length > 1 && !names.includes(source)))
    throw new StartFailed(`there are several sources: name one with --source; configured are: ${names.join(', ')}`);
  return source;
}

async function findTarget({ source, token, ...options }: AlertOptions): Promise<{ source: string; token: string }> {
  if (source !== undefined && token !== undefined) return { source, token };
  const setting = await createSetting(options);
  const targetOf = async (config: Config): Promise<{ source: string; token: string }> => {
    const sources = alertSources(config);
    const chosen = source ?? chooseSource(Object.keys(sources));
    return { source: chosen, token: token ?? (await alertToken(setting, sources, chosen)) };
  };
  const result = await setting.load();
  // A good configuration needs no database here.
  return result.ok ? targetOf(result.config) : withLastGood(options, (_, __, config) => targetOf(config));
}
