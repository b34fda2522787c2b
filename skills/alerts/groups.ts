import { createHash } from 'node:crypto';
import type { Sql } from '#skill';
import { COLUMNS, type StoredAlert } from './alert.ts';

/** A message for several alerts: the part of an Alertmanager group that goes to the same rooms under the same policy. */
export interface Group {
  readonly id: number;
  readonly source: string;
  readonly keyHash: string;
  readonly title: string;
  readonly rooms: readonly string[];
  readonly policy: string | null;
  readonly open: boolean;
  readonly acked: boolean;
  readonly truncated: number;
  readonly openedAt: Date | null;
  readonly closedAt: Date | null;
}

const GROUP_COLUMNS = `g.id, g.source, g.key_hash as "keyHash", g.title, g.rooms, g.policy, g.open, g.acked, g.truncated,
  g.opened_at as "openedAt", g.closed_at as "closedAt"`;

export interface WantedGroup {
  readonly keyHash: string;
  readonly title: string;
  readonly rooms: readonly string[];
  readonly policy: string | null;
}

export function groupHash(groupKey: string, rooms: readonly string[], policy: string | null): string {
  return createHash('sha256')
    .update(JSON.stringify([groupKey, rooms, policy]))
    .digest('hex')
    .slice(0, 40);
}

/** Locks groups and creates missing ones. Groups are always locked before the alerts in them. */
export async function lockGroups(sql: Sql, source: string, wanted: readonly WantedGroup[]): Promise<Group[]> {
  if (wanted.length === 0) return [];
  const hashes = wanted.map((one) => one.keyHash);
  const select = (): Promise<Group[]> =>
    sql<Group>(
      `select ${GROUP_COLUMNS} from alert_groups g where source = $1 and key_hash = any($2) order by id for update`,
      [source, hashes],
    );
  const found = await select();
  if (found.length === wanted.length) return found;
  const known = new Set(found.map((group) => group.keyHash));
  const missing = wanted.filter((one) => !known.has(one.keyHash)).sort((a, b) => (a.keyHash < b.keyHash ? -1 : 1));
  await sql(
    `insert into alert_groups (source, key_hash, title, rooms, policy)
     select $1, x."keyHash", x.title, array(select jsonb_array_elements_text(x.rooms)), x.policy
     from jsonb_to_recordset($2::jsonb) as x("keyHash" text, title text, rooms jsonb, policy text) on conflict (source, key_hash) do nothing`,
    [source, JSON.stringify(missing)],
  );
  return select();
}

export function lockGroupsById(sql: Sql, ids: readonly number[]): Promise<Group[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return sql<Group>(`select ${GROUP_COLUMNS} from alert_groups g where id = any($1) order by id for update`, [ids]);
}

/** The ids of groups that show these alerts. Not locked; tells which groups to lock first. */
export async function groupsShowing(sql: Sql, numbers: readonly number[]): Promise<number[]> {
  const rows = await sql<{ id: number }>(
    `select distinct m.group_id as id from alert_group_members m join alerts a on a.id = m.alert_id where a.number = any($1)`,
    [numbers],
  );
  return rows.map((row) => row.id);
}

export async function addMembers(
  sql: Sql,
  members: readonly { readonly group: number; readonly alert: number }[],
): Promise<void> {
  if (members.length === 0) return;
  const sorted = [...members].sort((a, b) => a.group - b.group || a.alert - b.alert);
  await sql(
    'insert into alert_group_members (group_id, alert_id) select * from unnest($1::integer[], $2::integer[]) on conflict do nothing',
    [sorted.map((member) => member.group), sorted.map((member) => member.alert)],
  );
}

/** The content of a group's message: numbers over all its alerts, and the first of them. */
export interface Summary {
  readonly firing: number;
  /** Firing and not acknowledged. */
  readonly unacked: number;
  readonly ended: number;
  readonly owners: readonly string[];
  /** The earliest end of an acknowledgement whose owner has not been asked yet. */
  readonly ackUntil: Date | null;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly first: readonly StoredAlert[];
}

/** Alerts that are listed in one message, and acknowledged by its button. */
const MAX_LISTED = 20;

/**
 * Summarises the alerts of a group that fire, ended after `since`, or changed after it: senders' clocks differ, and reports may
 * be handled late. Older ones are left out, since with pods that come and go an open group would grow without limit.
 */
export async function summarise(sql: Sql, group: number, since: Date): Promise<Summary | undefined> {
  const rows = await sql<
    StoredAlert & Omit<Summary, 'first' | 'startedAt' | 'endedAt'> & { firstStart: Date; lastEnd: Date | null }
  >(
    `select ${COLUMNS}, t.* from alerts a join alert_group_members m on m.alert_id = a.id cross join (
       select count(*) filter (where phase = 'firing') as firing, count(*) filter (where phase = 'firing' and ack is null) as unacked,
         count(*) filter (where phase <> 'firing') as ended,
         coalesce(array_agg(distinct ack->'owner'->>'name') filter (where ack is not null), '{}') as owners,
         min((ack->>'until')::timestamptz) filter (where phase = 'firing' and ack->>'askedAt' is null) as "ackUntil",
         min(started_at) as "firstStart", max(ended_at) filter (where phase <> 'firing') as "lastEnd"
       from alerts b join alert_group_members n on n.alert_id = b.id
       where n.group_id = $1 and b.number is not null and (b.phase = 'firing' or b.ended_at >= $2 or b.changed_at > $2)) t
     where m.group_id = $1 and a.number is not null and (a.phase = 'firing' or a.ended_at >= $2 or a.changed_at > $2)
     order by a.phase <> 'firing', a.ack is not null, case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.number
     limit ${MAX_LISTED}`,
    [group, since],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { firing, unacked, ended, owners, ackUntil, firstStart, lastEnd } = row;
  return {
    firing: Number(firing),
    unacked: Number(unacked),
    ended: Number(ended),
    owners,
    ackUntil,
    startedAt: firstStart,
    endedAt: lastEnd,
    first: rows,
  };
}

export async function saveGroup(sql: Sql, group: Group, now: Date): Promise<void> {
  await sql(
    `update alert_groups set open = $2, acked = $3, truncated = $4, opened_at = $5, closed_at = $6, changed_at = $7 where id = $1`,
    [group.id, group.open, group.acked, group.truncated, group.openedAt, group.closedAt, now],
  );
}
