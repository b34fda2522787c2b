import { importConnector } from '../connectors/registry.ts';
import { createConnectorState } from '../connectors/state.ts';
import type { Finding } from '../connectors/connector.ts';
import type { Config } from '../config/schema.ts';
import type { Database } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';
import { examineDatabase } from './examine-database.ts';
import { loadOrThrow, withDatabase, type Setting, type SettingOptions } from './setting.ts';

const EXAMINE_MS = 20_000;

/** One line for each thing looked at, with the remedy where it is not well. 0: all is well. */
export function doctor(options: SettingOptions): Promise<number> {
  return withDatabase(options, async (database, setting, config) => {
    const findings = [
      ...(await examineConfiguration(setting)),
      ...(await examineDatabase(database)),
      ...(await examineSecrets(setting, config)),
      ...(
        await Promise.all(
          Object.keys(config.connectors).map((name) => examineConnector(name, database, setting, config)),
        )
      ).flat(),
      ...setting.folders.broken.map((one): Finding => ({ ok: false, what: `skill ${one.file}`, says: one.reason })),
    ];
    for (const { ok, what, says } of findings) console.log(`${ok ? 'ok ' : 'BAD'}  ${what}: ${says}`);
    const bad = findings.filter((finding) => !finding.ok).length;
    console.log(bad === 0 ? 'All is well.' : `${bad} of ${findings.length} need you.`);
    return bad === 0 ? 0 : 1;
  });
}

/** Read once more for its warnings. */
async function examineConfiguration(setting: Setting): Promise<Finding[]> {
  const { warnings } = await loadOrThrow(setting);
  const what = 'configuration';
  if (warnings.length === 0) return [{ ok: true, what, says: 'all of it counts' }];
  return warnings.map((says) => ({ ok: false, what, says }));
}

async function examineSecrets(setting: Setting, config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { skill } of setting.folders.skills) {
    const options = config.skills[skill.name];
    for (const [name, webhook] of Object.entries(skill.webhooks ?? {})) {
      for (const source of options === undefined ? [] : webhook.sources(options)) {
        for (const reference of webhook.tokens(options, source) ?? []) {
          const what = `webhook ${name}/${source}`;
          try {
            const length = (await setting.secrets.read(reference)).length;
            findings.push(
              length >= 16
                ? { ok: true, what, says: 'its token can be read' }
                : {
                    ok: false,
                    what,
                    says: `its token has only ${length} characters; make one with: openssl rand -hex 24`,
                  },
            );
          } catch (error) {
            findings.push({ ok: false, what, says: messageOf(error) });
          }
        }
      }
    }
  }
  return findings;
}

async function examineConnector(
  name: string,
  database: Database,
  setting: Setting,
  config: Config,
): Promise<Finding[]> {
  const options = config.connectors[name];
  if (!options) return [];
  const log = createLogger({ level: 'silent' });
  try {
    const connector = await (
      await importConnector(options.type)
    ).create(options, {
      name,
      botName: config.name,
      secret: (reference) => setting.secrets.read(reference),
      state: createConnectorState(database, name),
      log,
    });
    if (!connector.examine) return [{ ok: true, what: name, says: 'nothing outside this program to look at' }];
    const rooms = Object.values(config.rooms).flatMap((room) => room.in[name] ?? []);
    const findings = await connector.examine(rooms, AbortSignal.timeout(EXAMINE_MS));
    return findings.map((finding) => ({ ...finding, what: `${name} ${finding.what}` }));
  } catch (error) {
    return [{ ok: false, what: name, says: messageOf(error) }];
  }
}
