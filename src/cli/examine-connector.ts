import type { ConnectorConfig } from '../config/connector-options.ts';
import type { ConnectorEnvironment, Finding, Platform } from '../connectors/connector.ts';
import { platformOf } from '../connectors/platforms.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';

const EXAMINE_MS = 20_000;

export interface ConnectorToExamine extends Pick<ConnectorEnvironment, 'name' | 'botName' | 'secret' | 'state'> {
  /** Its entry under `connectors:`. */
  readonly options: ConnectorConfig;
  /** As written in the configuration. */
  readonly rooms: readonly string[];
  readonly platforms: readonly Platform[];
  readonly query: ConnectorEnvironment['pages']['query'];
}

/** Checks the account and its rooms on the platform; a failure becomes a finding. */
export async function examineConnector(account: ConnectorToExamine): Promise<Finding[]> {
  const { name, botName, secret, state, options, rooms, platforms, query } = account;
  try {
    const connector = await platformOf(options.type, platforms).create(options, {
      ...{ name, botName, secret, state },
      pages: { query, changed: () => {} },
      log: createLogger({ level: 'silent' }),
    });
    try {
      if (!connector.examine) return [{ ok: true, what: name, message: 'nothing external to check' }];
      const findings = await connector.examine(rooms, AbortSignal.timeout(EXAMINE_MS));
      return findings.map((finding) => ({ ...finding, what: `${name} ${finding.what}` }));
    } finally {
      await connector.stop();
    }
  } catch (error) {
    return [{ ok: false, what: name, message: messageOf(error) }];
  }
}

/** A finding as `doctor` prints it. */
export function findingLine({ ok, what, message }: Finding): string {
  return `${ok ? 'ok ' : 'BAD'}  ${what}: ${message}`;
}
