import { importConnector } from '../connectors/registry.ts';
import { createConnectorState } from '../connectors/state.ts';
import type { Finding } from '../connectors/connector.ts';
import type { Config } from '../config/schema.ts';
import type { Database } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import { createLogger } from '../log.ts';
import { withDatabase, type Setting, type SettingOptions } from './setting.ts';

const EXAMINE_MS = 20_000;
const CLOCK_OFF_MS = 2000;

/** One line for each thing looked at, with the remedy where it is not well. 0: all is well. */
export function doctor(options: SettingOptions): Promise<number> {
  return withDatabase(options, async (database, setting, config) => {
    const findings = [
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

async function examineDatabase(database: Database): Promise<Finding[]> {
  try {
    const before = Date.now();
    const [row] = await database.query<{ now: Date; version: string; synchronous_commit: string; fsync: string }>(
      `select clock_timestamp() as now, current_setting('server_version') as version, current_setting('synchronous_commit') as synchronous_commit, current_setting('fsync') as fsync`,
    );
    const after = Date.now();
    if (!row) return [{ ok: false, what: 'database', says: 'it gives no answer' }];
    const offMs = row.now.getTime() - (before + after) / 2;
    const durable = row.synchronous_commit !== 'off' && row.fsync === 'on';
    const [schema] = await database.query<{ version: number }>('select version from schema_info').catch(() => []);
    return [
      { ok: true, what: 'database', says: `Postgres ${row.version} answers in ${after - before} ms` },
      schema
        ? { ok: true, what: 'schema', says: `version ${schema.version}` }
        : { ok: false, what: 'schema', says: 'there is none yet; run `watchbell migrate`, or start the bot' },
      durable
        ? { ok: true, what: 'durability', says: `synchronous_commit ${row.synchronous_commit}, fsync on` }
        : {
            ok: false,
            what: 'durability',
            says: `synchronous_commit is ${row.synchronous_commit} and fsync ${row.fsync}: what was accepted can be lost when the server crashes; set both to on`,
          },
      Math.abs(offMs) < CLOCK_OFF_MS
        ? { ok: true, what: 'clock', says: `within ${Math.round(Math.abs(offMs))} ms of the database's` }
        : {
            ok: false,
            what: 'clock',
            says: `${Math.round(offMs / 1000)} s off the database's; the bot goes by the database's, but set up time synchronisation on both`,
          },
    ];
  } catch (error) {
    return [
      {
        ok: false,
        what: 'database',
        says: `cannot be reached: ${messageOf(error)}; look at database.url, and whether the server runs`,
      },
    ];
  }
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
