import { samplePayload } from '../../skills/alerts/sample.ts';
import { StartFailed, messageOf } from '../errors.ts';
import { createSetting, loadOrThrow, type SettingOptions } from './setting.ts';

export interface AlertOptions extends SettingOptions {
  readonly url?: string;
  readonly source?: string;
  readonly token?: string;
  readonly alertName?: string;
  readonly severity?: string;
  readonly resolved?: boolean;
}

/** Posts a sample as Alertmanager would, and says what the bot answered. */
export async function postAlert(options: AlertOptions): Promise<number> {
  const source = options.source ?? 'default';
  const token = options.token ?? (await configuredToken(options, source));
  const address = `${options.url ?? 'http://127.0.0.1:8080'}/webhooks/alertmanager/${encodeURIComponent(source)}`;
  const body = samplePayload({
    labels: { pod: 'sample' },
    status: options.resolved ? 'resolved' : 'firing',
    ...(options.alertName !== undefined && { name: options.alertName }),
    ...(options.severity !== undefined && { severity: options.severity }),
  });
  let response: Response;
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch (error) {
    throw new StartFailed(
      `no bot answers at ${address} (${messageOf((error as Error).cause ?? error)}); say where it is with --url`,
      { cause: error },
    );
  }
  const text = await response.text();
  console.log(
    response.ok ? `Accepted by ${address}; look into the room.` : `${response.status} from ${address}: ${text}`,
  );
  return response.ok ? 0 : 1;
}

async function configuredToken(options: SettingOptions, source: string): Promise<string> {
  const setting = await createSetting(options);
  const { config } = await loadOrThrow(setting);
  const alerts = config.skills['alerts'] as { sources?: Record<string, { tokens: { file: string }[] }> } | undefined;
  const reference = alerts?.sources?.[source]?.tokens[0];
  if (!reference)
    throw new StartFailed(
      `skills.alerts has no source called "${source}"; configured are: ${Object.keys(alerts?.sources ?? {}).join(', ') || 'none'}`,
    );
  return setting.secrets.read(reference);
}
