import { formatDuration } from '../chat/duration.ts';
import type { Finding } from '../connectors/connector.ts';
import type { Database } from '../db/database.ts';
import { withRemedy } from '../db/explain.ts';
import { findObstacles } from '../db/surroundings.ts';
import { messageOf } from '../errors.ts';
import { countFailed } from '../events/failed.ts';
import { readBacklog } from '../messages/backlog.ts';

/** A larger difference is reported, after subtracting the uncertainty of a slow answer. */
const CLOCK_OFF_MS = 2000;
/** Same as in the chart's alert WatchbellMessagesWaiting. */
const OVERDUE_SECONDS = 300;

/** Checks that it answers, is durable, has a schema and agrees about the time, and that no work needs a person. */
export async function examineDatabase(database: Database): Promise<Finding[]> {
  try {
    const before = Date.now();
    const [row] = await database.query<{ now: Date; version: string; synchronous_commit: string; fsync: string }>(
      `select clock_timestamp() as now, current_setting('server_version') as version, current_setting('synchronous_commit') as synchronous_commit, current_setting('fsync') as fsync`,
    );
    const after = Date.now();
    if (!row) return [{ ok: false, what: 'database', message: 'it returned no rows' }];
    const offMs = row.now.getTime() - (before + after) / 2;
    const durable = row.synchronous_commit !== 'off' && row.fsync === 'on';
    const [schema] = await database.query<{ version: number }>('select version from schema_info').catch(() => []);
    return [
      { ok: true, what: 'database', message: `Postgres ${row.version} answers in ${after - before} ms` },
      schema
        ? { ok: true, what: 'schema', message: `version ${schema.version}` }
        : { ok: false, what: 'schema', message: 'missing; run `watchbell migrate` or start the bot' },
      durable
        ? { ok: true, what: 'durability', message: `synchronous_commit ${row.synchronous_commit}, fsync on` }
        : {
            ok: false,
            what: 'durability',
            message: `synchronous_commit is ${row.synchronous_commit} and fsync ${row.fsync}: accepted events can be lost if the server crashes; set both to on`,
          },
      Math.abs(offMs) < CLOCK_OFF_MS + (after - before) / 2
        ? { ok: true, what: 'clock', message: `within ${Math.round(Math.abs(offMs))} ms of the database's` }
        : {
            ok: false,
            what: 'clock',
            message: `${Math.round(offMs / 1000)} s off the database's clock; the bot uses the database's, but set up time synchronisation on both`,
          },
      ...(schema ? await examineWork(database) : []),
    ];
  } catch (error) {
    return [
      {
        ok: false,
        what: 'database',
        message: `cannot be reached: ${withRemedy(error)}`,
      },
    ];
  }
}

/** Properties of the database, or of the connection to it, that the bot cannot work with. */
export async function examinePrerequisites(database: Database): Promise<Finding[]> {
  try {
    const obstacles = await findObstacles(database);
    if (obstacles.length === 0)
      return [{ ok: true, what: 'prerequisites', message: 'UTF-8, tables can be created and used, sessions are kept' }];
    return obstacles.map(({ what, message }) => ({ ok: false, what, message }));
  } catch (error) {
    return [{ ok: false, what: 'prerequisites', message: messageOf(error) }];
  }
}

/** Work that failed, could not be sent, or waits to be sent. */
async function examineWork({ query }: Database): Promise<Finding[]> {
  const failed = await countFailed(query);
  const backlog = await readBacklog(query);
  const dead = backlog.filter((one) => one.dead > 0);
  const waiting = backlog.filter((one) => one.oldestSeconds > OVERDUE_SECONDS);
  return [
    failed.lastAt === null
      ? { ok: true, what: 'events', message: 'none failed' }
      : {
          ok: false,
          what: 'events',
          message: `${failed.count} failed, the last one ${ago(failed.lastAt)} ago, and ${failed.count === 1 ? 'is' : 'are'} kept; \`watchbell events failed\` says why, \`watchbell events replay all\` tries again`,
        },
    dead.length === 0
      ? { ok: true, what: 'dead letters', message: 'none' }
      : {
          ok: false,
          what: 'dead letters',
          message: `${dead.map((one) => `${one.dead} for ${one.connector}`).join(', ')}; \`watchbell messages dead\` says why, \`watchbell messages replay all\` sends them`,
        },
    waiting.length === 0
      ? { ok: true, what: 'messages', message: `none has waited longer than ${formatDuration(OVERDUE_SECONDS * 1000)}` }
      : {
          ok: false,
          what: 'messages',
          message: `${waiting.map((one) => `the oldest of ${one.pending} for ${one.connector} waits for ${formatDuration(one.oldestSeconds * 1000)}`).join(', ')}; see ${waiting.map((one) => one.connector).join(' and ')} below, and check whether the bot is running`,
        },
  ];
}

function ago(at: Date): string {
  return formatDuration(Math.max(0, Date.now() - at.getTime()));
}
