import type { LoadResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Secrets } from '../config/secrets.ts';
import type { Finding } from '../connectors/connector.ts';
import { createConnectorState } from '../connectors/state.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { Database } from '../db/database.ts';
import { messageOf } from '../errors.ts';
import { secretsOf } from '../http/webhook-intake.ts';
import { examineConnector, findingLine } from './examine-connector.ts';
import { examineDatabase, examinePrerequisites } from './examine-database.ts';
import { readLastGood } from './last-good.ts';
import { createProgramSetup, type ProgramSetup, type ProgramSetupOptions } from './program-setup.ts';
import { findTarget, openTarget, type DatabaseTarget } from './with-database.ts';

/**
 * Prints one line for each check, with the fix where it fails. 0: no problems. If the configuration has problems, it
 * checks the one that the bot runs with instead.
 */
export async function doctor(options: ProgramSetupOptions): Promise<number> {
  const setup = await createProgramSetup(options);
  const result = await setup.load();
  const findings = examineConfiguration(result);
  const target = await findTarget(setup, result).catch((error: unknown) => {
    if (result.ok) throw error;
    return undefined;
  });
  if (target) findings.push(...(await examineTarget(target, setup, result)));
  else findings.push({ ok: false, what: 'database', message: 'not checked: no valid setting says where it is' });
  findings.push(...setup.folders.broken.map((one) => ({ ok: false, what: `skill ${one.file}`, message: one.reason })));
  for (const finding of findings) console.log(findingLine(finding));
  const bad = findings.filter((finding) => !finding.ok).length;
  console.log(bad === 0 ? 'No problems found.' : `${bad} of ${findings.length} checks need attention.`);
  return bad === 0 ? 0 : 1;
}

function examineConfiguration(result: LoadResult): Finding[] {
  const what = 'configuration';
  const wrong = result.ok ? result.warnings : result.problems;
  if (wrong.length === 0) return [{ ok: true, what, message: 'no warnings' }];
  return wrong.map((message) => ({ ok: false, what, message }));
}

async function examineTarget(target: DatabaseTarget, setup: ProgramSetup, result: LoadResult): Promise<Finding[]> {
  const database = openTarget(target);
  try {
    const findings = await examineDatabase(database);
    if (findings.some(({ what, ok }) => what === 'database' && ok))
      findings.push(...(await examinePrerequisites(database)));
    const good = result.ok ? undefined : await readLastGood(database.query, setup).catch(() => undefined);
    const config = result.ok ? result.config : good?.loaded.config;
    if (!config)
      return [
        ...findings,
        { ok: false, what: 'last good configuration', message: 'there is none, so nothing else can be checked' },
      ];
    if (good)
      findings.push({
        ok: true,
        what: 'last good configuration',
        message: `of ${good.since.toISOString()}; the bot and its jobs use it, and the checks below too`,
      });
    const connectors = Object.keys(config.connectors);
    return [
      ...findings,
      ...(await examineSecrets(setup, config)),
      ...(await Promise.all(connectors.map((name) => examineAccount(name, database, setup, config)))).flat(),
    ];
  } finally {
    await database.close();
  }
}

async function examineSecrets({ folders, secrets }: ProgramSetup, config: Config): Promise<Finding[]> {
  const webhooks = folders.skills.flatMap(({ skill }) => {
    const options = config.skills[skill.name];
    if (options === undefined) return [];
    return Object.entries(skill.webhooks ?? {}).flatMap(([name, webhook]) =>
      webhook
        .sources(options)
        .flatMap((source) =>
          secretsOf(webhook.verify(options, source)).map(
            (reference) => [`webhook ${name}/${source}`, reference] as const,
          ),
        ),
    );
  });
  const tokens = Object.entries(config.api.tokens).flatMap(([name, { token }]) =>
    token.map((reference) => [`API token ${name}`, reference] as const),
  );
  return Promise.all([...webhooks, ...tokens].map(([what, reference]) => examineToken(what, reference, secrets)));
}

async function examineToken(what: string, reference: SecretRef, secrets: Secrets): Promise<Finding> {
  try {
    const { length } = await secrets.read(reference);
    if (length >= 16) return { ok: true, what, message: 'its token can be read' };
    const message = `its token has only ${length} characters; make one with: openssl rand -hex 24`;
    return { ok: false, what, message };
  } catch (error) {
    return { ok: false, what, message: messageOf(error) };
  }
}

/** The secrets of a connector's entry that cannot be read. */
async function examineReferences(name: string, options: object, secrets: Secrets): Promise<Finding[]> {
  const found = referencesIn(name, options).map(([what, reference]) =>
    secrets.read(reference).then(
      () => [],
      (error: unknown): Finding[] => [{ ok: false, what, message: messageOf(error) }],
    ),
  );
  return (await Promise.all(found)).flat();
}

/** Every `{ file }` and `{ env }` with its path: `web.password`. */
function referencesIn(path: string, value: unknown): [string, SecretRef][] {
  if (typeof value !== 'object' || value === null) return [];
  const [key, ...more] = Object.keys(value);
  if (more.length === 0 && (key === 'file' || key === 'env')) return [[path, value as SecretRef]];
  return Object.entries(value).flatMap(([name, inner]) => referencesIn(`${path}.${name}`, inner));
}

async function examineAccount(
  name: string,
  database: Database,
  setup: ProgramSetup,
  config: Config,
): Promise<Finding[]> {
  const options = config.connectors[name];
  if (!options) return [];
  const unusable = await examineReferences(name, options, setup.secrets);
  if (unusable.length > 0) return unusable;
  return examineConnector({
    ...{ name, options, platforms: setup.platforms, botName: config.name },
    rooms: Object.values(config.rooms).flatMap((room) => room.in[name] ?? []),
    secret: (reference) => setup.secrets.read(reference),
    state: createConnectorState(database, name),
    query: database.query,
  });
}
