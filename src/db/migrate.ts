import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartFailed } from '../errors.ts';
import { LONGEST_MS, type Database, type Query, type Transaction } from './database.ts';

/** Any number; the same in every release, so that all replicas queue at the same lock. */
const MIGRATION_LOCK = 7_236_110_001;

const NAME = /^(\d{3})-([a-z0-9-]+)\.sql$/;
/** In a migration: the level of the oldest program that still works after it. */
const OLDEST = /^-- oldest-program: (\d+)$/m;

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** Numbered files of a directory in order; empty if the directory does not exist. @throws {StartFailed} on a gap or a wrong name. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const files = (await readdir(directory).catch(() => [] as string[])).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const match = NAME.exec(file);
      if (!match?.[1] || !match[2])
        throw new StartFailed(`${join(directory, file)}: the name of a migration must look like 001-what-it-does.sql`);
      const number = Number(match[1]);
      if (number !== index + 1)
        throw new StartFailed(
          `${join(directory, file)}: the previous number is missing; migrations are numbered from 001 without gaps`,
        );
      return { number, name: match[2], sql: await readFile(join(directory, file), 'utf8') };
    }),
  );
}

const CORE = join(import.meta.dirname, 'migrations');

/** The built-in migrations. */
export function readCoreMigrations(): Promise<Migration[]> {
  return readMigrations(CORE);
}

const CREATES = /\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?"?([a-z_][a-z0-9_]*)/gi;

/** Names of the tables that the migrations of the core and of `skills` create; later ones may have dropped some. */
export async function createdTables(skills: readonly SkillMigrations[] = []): Promise<Set<string>> {
  const all = [...(await readCoreMigrations()), ...skills.flatMap(({ migrations }) => migrations)];
  const names = all.flatMap(({ sql }) => [...sql.matchAll(CREATES)].map(([, name = '']) => name.toLowerCase()));
  return new Set([...names, 'schema_info', 'skill_migrations']);
}

export interface SkillMigrations {
  readonly skill: string;
  readonly migrations: readonly Migration[];
}

/**
 * Migrates the schema to this release, in one transaction under a lock, so that any number of replicas may start at once.
 * Returns what was applied. `onCreated` runs before others see newly created tables. @throws {StartFailed} when this program is too old for the schema.
 */
export async function migrate(
  database: Database,
  skills: readonly SkillMigrations[],
  onCreated?: (query: Query) => Promise<void>,
): Promise<string[]> {
  const core = await readCoreMigrations();
  return database.transaction(async (transaction) => {
    // Waiting for another replica's migrations may take longer than for an ordinary lock. The time between statements stays
    // short: if a node vanishes there, the server does not notice, and the tables stay locked that long.
    await transaction.script(
      `set local idle_in_transaction_session_timeout = '30s'; set local lock_timeout = '10min'; select pg_advisory_xact_lock(${MIGRATION_LOCK})`,
    );
    await transaction.script(
      // The incarnation distinguishes databases at the same address, such as one that was emptied.
      'create table if not exists schema_info (version integer not null, oldest_program integer not null, incarnation uuid not null default gen_random_uuid())',
    );
    const [info] = await transaction.query<SchemaInfo>(
      `select version, oldest_program, to_jsonb(schema_info) ? 'incarnation' as numbered from schema_info`,
    );
    if (info?.numbered === false)
      await transaction.script(
        'alter table schema_info add column incarnation uuid not null default gen_random_uuid()',
      );
    if (!info) await rejectOrphanedTables(transaction);
    const level = core.length;
    if (info && info.oldest_program > level)
      throw new StartFailed(
        `the database needs a newer watchbell (schema ${info.version}, this program knows ${level}); deploy the newer release again, or restore a backup`,
      );
    const applied = [...(await applyCore(transaction, core, info)), ...(await applySkills(transaction, skills))];
    if (!info) await onCreated?.(transaction.query);
    return applied;
  }, LONGEST_MS);
}

interface SchemaInfo {
  readonly version: number;
  readonly oldest_program: number;
  /** It has an incarnation; schemas created by the first releases have none. */
  readonly numbered: boolean;
}

/** If someone deleted this row by hand, the version of the tables is unknown. */
async function rejectOrphanedTables({ query }: Transaction): Promise<void> {
  const [rest] = await query<{ there: boolean }>(`select to_regclass('events') is not null as there`);
  if (rest?.there)
    throw new StartFailed(
      'the database has tables but no row in schema_info with their version: restore a backup into an empty database, or start over with: drop schema public cascade; create schema public',
    );
}

async function applyCore(
  transaction: Transaction,
  core: readonly Migration[],
  info: SchemaInfo | undefined,
): Promise<string[]> {
  const version = info?.version ?? 0;
  const applied: string[] = [];
  let oldest = info?.oldest_program ?? 1;
  for (const migration of core.slice(version)) {
    await transaction.script(migration.sql);
    oldest = Math.max(oldest, Number(OLDEST.exec(migration.sql)?.[1] ?? 1));
    applied.push(`core ${migration.number} ${migration.name}`);
  }
  if (!info)
    await transaction.query('insert into schema_info (version, oldest_program) values ($1, $2)', [core.length, oldest]);
  else if (applied.length > 0)
    await transaction.query('update schema_info set version = $1, oldest_program = $2', [core.length, oldest]);
  return applied;
}

async function applySkills(transaction: Transaction, skills: readonly SkillMigrations[]): Promise<string[]> {
  const applied: string[] = [];
  for (const { skill, migrations } of skills) {
    const done = await transaction.query<{ number: number }>('select number from skill_migrations where skill = $1', [
      skill,
    ]);
    const known = new Set(done.map((row) => row.number));
    for (const migration of migrations.filter((one) => !known.has(one.number))) {
      await transaction.script(migration.sql);
      await transaction.query('insert into skill_migrations (skill, number, name) values ($1, $2, $3)', [
        skill,
        migration.number,
        migration.name,
      ]);
      applied.push(`${skill} ${migration.number} ${migration.name}`);
    }
  }
  return applied;
}
