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

/** Posts a sample as Alertmanager would, and says what the bot answered. */
export async function postAlert(options: AlertOptions): Promise<number> {
  const target = {
    url: options.url ?? 'http://127.0.0.1:8080',
    source: options.source ?? 'default',
    token: options.token ?? (await configuredToken(options)),
  };
  const body = samplePayload({
    labels: { pod: 'sample' },
    status: options.resolved ? 'resolved' : 'firing',
    ...(options.alertName !== undefined && { name: options.alertName }),
    ...(options.severity !== undefined && { severity: options.severity }),
  });
  const refused = await postSample(target, body);
  console.log(refused ?? `Accepted by ${addressOf(target)}; look into the room.`);
  return refused === undefined ? 0 : 1;
}

/** Resolves to undefined once the bot has stored it, else to what it answered. @throws {StartFailed} when nobody answers. */
export async function postSample(target: AlertTarget, body: unknown): Promise<string | undefined> {
  const address = addressOf(target);
  let response: Response;
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${target.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch (error) {
    throw new StartFailed(
      `no bot answers at ${address} (${messageOf((error as Error).cause ?? error)}); say where it is with --url`,
      { cause: error },
    );
  }
  const text = await response.text();
  return response.ok ? undefined : `${response.status} from ${address}: ${text}`;
}

function addressOf({ url, source }: AlertTarget): string {
  return `${url.replace(/\/+$/, '')}/webhooks/alertmanager/${encodeURIComponent(source)}`;
}

/** The source given, else the first, and its first token. @throws {StartFailed} naming those there are. */
export async function alertToken(
  setting: Setting,
  config: Config,
  given: string | undefined,
): Promise<{ source: string; token: string }> {
  const alerts = config.skills['alerts'] as { sources?: Record<string, { tokens: SecretRef[] }> } | undefined;
  const sources = alerts?.sources ?? {};
  const source = given ?? Object.keys(sources)[0] ?? 'default';
  const reference = sources[source]?.tokens[0];
  if (!reference)
    throw new StartFailed(
      `skills.alerts has no source called "${source}"; configured are: ${Object.keys(sources).join(', ') || 'none'}`,
    );
  return { source, token: await setting.secrets.read(reference) };
}

async function configuredToken(options: AlertOptions): Promise<string> {
  const setting = await createSetting(options);
  const result = await setting.load();
  const tokenOf = async (config: Config): Promise<string> =>
    (await alertToken(setting, config, options.source ?? 'default')).token;
  // A good configuration needs no database here.
  return result.ok ? tokenOf(result.config) : withLastGood(options, (_, __, config) => tokenOf(config));
}
